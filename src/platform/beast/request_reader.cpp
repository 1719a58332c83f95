#include "platform/beast/request_reader.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>

#include "kernel/base/text.hpp"

namespace stoa::beast {

namespace asio = boost::asio;
using boost::beast::error_code;

namespace {

constexpr http::Fault too_slow{408, "request_timeout", "The request came too slowly."};
constexpr http::Fault incomplete = http::malformed("The connection ends within the request.");
constexpr http::Fault body_too_large{413, "body_too_large",
                                     "The body is larger than this route takes."};

/// The path and query of `http://host/path?query` too.
std::string_view origin_form(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

std::shared_ptr<http::Request> to_request(const http::RequestHead& head) {
  auto request = std::make_shared<http::Request>();
  request->method = head.method;
  const auto target = origin_form(head.target);
  const auto mark = target.find('?');
  request->path = target.substr(0, mark);
  if (mark != std::string_view::npos) request->query = target.substr(mark + 1);
  request->headers.reserve(head.fields.size());
  for (const auto& field : head.fields)
    request->headers.emplace_back(ascii_lower(field.name), field.value);
  return request;
}

}  // namespace

/// The first byte of the next request may take its time: that is idleness, not slowness.
asio::awaitable<bool> RequestReader::wait() {
  if (buffer_.size() > 0) co_return true;
  error_code code;
  deadline_.arm(options_.idle_timeout);
  idle_ = true;
  const auto space = buffer_.prepare(read_bytes);
  const auto count =
      co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, code));
  idle_ = false;
  buffer_.commit(count);
  co_return !code && count > 0;
}

/// More of the request into the buffer. A client that closes its side within one is told so.
asio::awaitable<Read<void>> RequestReader::read_more(std::size_t bytes) {
  error_code code;
  const auto space = buffer_.prepare(bytes);
  const auto count =
      co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, code));
  buffer_.commit(count);
  if (!code && count > 0) co_return Read<void>();
  if (deadline_.has_expired()) co_return std::unexpected(Ending(too_slow));
  if (code == asio::error::eof) co_return std::unexpected(Ending(incomplete));
  co_return std::unexpected(Ending());
}

asio::awaitable<Read<RequestReader::Head>> RequestReader::read_head() {
  deadline_.arm(options_.read_timeout);
  http::HeadEnd end;
  auto size = end.find(unread());
  while (size && !*size) {
    const auto more = co_await read_more(read_bytes);
    if (!more) co_return std::unexpected(unread() == "\r\n" ? Ending() : more.error());
    size = end.find(unread());
  }
  if (!size) co_return std::unexpected(Ending(size.error()));
  const auto head = http::parse_head(unread().substr(0, **size));
  if (!head) co_return std::unexpected(Ending(head.error()));
  Head read{to_request(*head), 10U + static_cast<unsigned>(head->minor_version), head->keep_alive};
  declared_ = head->chunked ? std::nullopt : std::optional(head->content_length.value_or(0));
  left_ = declared_.value_or(0);
  chunked_ = head->chunked;
  chunks_.reset();
  client_waits_ = head->expects_continue && read.version >= 11;
  buffer_.consume(**size);
  co_return read;
}

Read<void> RequestReader::limit_body(std::size_t bytes_max) {
  if (left_ > bytes_max) return std::unexpected(Ending(body_too_large));
  if (chunked_) chunks_.emplace(bytes_max);
  return {};
}

asio::awaitable<bool> RequestReader::bid_to_continue() {
  client_waits_ = false;
  constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
  error_code code;
  co_await asio::async_write(socket_, asio::buffer(text),
                             asio::redirect_error(asio::use_awaitable, code));
  co_return !code;
}

std::expected<std::size_t, http::Fault> RequestReader::take(std::string& body, std::size_t bytes) {
  const auto part = unread().substr(0, bytes);
  if (chunks_) return chunks_->take(part, body);
  const auto own = part.substr(0, std::min<std::uint64_t>(left_, part.size()));
  body.append(own);
  left_ -= own.size();
  return own.size();
}

asio::awaitable<Read<void>> RequestReader::read_body(std::string& body, std::size_t bytes) {
  if (is_body_read()) co_return Read<void>();
  deadline_.arm(options_.body_timeout);
  if (client_waits_) {
    const bool bidden = co_await bid_to_continue();
    if (!bidden) co_return std::unexpected(Ending());
  }
  body.reserve(std::min<std::uint64_t>({left_, bytes, 16 * piece_bytes}));
  for (;;) {
    const auto taken = take(body, bytes - body.size());
    if (!taken) co_return std::unexpected(Ending(taken.error()));
    buffer_.consume(*taken);
    if (is_body_read() || body.size() >= bytes) co_return Read<void>();
    if (buffer_.size() > 0) continue;
    const auto wanted = chunks_ ? piece_bytes : std::min<std::uint64_t>(left_, piece_bytes);
    const auto more = co_await read_more(wanted);
    if (!more) co_return more;
  }
}

}  // namespace stoa::beast
