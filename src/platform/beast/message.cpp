#include "platform/beast/message.hpp"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <chrono>

#include "kernel/base/assert.hpp"
#include "kernel/base/text.hpp"

namespace stoa::beast {
namespace {

namespace bhttp = boost::beast::http;

/// Bodies up to this size are sent in one piece with their header.
constexpr std::size_t one_piece_bytes_max = std::size_t{16} << 10;

bool is_bodiless(const http::Response& response) {
  return response.status == 204 || response.status == 304;
}

/// One search for each, as those look at many bytes at a time.
bool can_stand_in_header(std::string_view value) {
  constexpr auto none = std::string_view::npos;
  return value.find('\r') == none && value.find('\n') == none && value.find('\0') == none;
}

bool is_same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ascii_iequals(a, b);
}

/// What every answer has after its status line: made once a second.
std::string_view constant_lines() {
  using Seconds = std::chrono::sys_seconds;
  thread_local std::pair<Seconds, std::string> last;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (last.second.empty() || last.first != now)
    last = {now, "Server: Stoa\r\nDate: " + http::http_date(now) + "\r\n"};
  return last.second;
}

/// Into room that was measured before.
class Pen {
 public:
  explicit Pen(char* at) : at_(at) {}
  void write(std::string_view text) { at_ += text.copy(at_, text.size()); }
  void line(std::string_view name, std::string_view value) {
    write(name);
    write(": ");
    write(value);
    write("\r\n");
  }
  [[nodiscard]] const char* at() const { return at_; }

 private:
  char* at_;
};

/// The fields that are sent: one that comes again takes the place of the one before; links are a
/// list (RFC 8288).
bool comes_again(const http::Response& response, std::string_view name, std::size_t after) {
  const auto& fields = response.headers;
  return std::any_of(fields.begin() + static_cast<std::ptrdiff_t>(after), fields.end(),
                     [&](const auto& other) { return is_same_name(other.first, name); });
}
bool is_sent(const http::Response& response, std::size_t at) {
  const auto& [name, value] = response.headers[at];
  return can_stand_in_header(value) &&
         (!comes_again(response, name, at + 1) || is_same_name(name, "Link"));
}

/// `body_end` and the empty line after the fields, and then `body`.
std::string write_answer(const http::Response& response, unsigned version, bool keep_alive,
                         std::string_view body_end, std::string_view body) {
  const auto status = static_cast<unsigned>(response.status);
  const std::string_view reason = bhttp::obsolete_reason(bhttp::int_to_status(status));
  const auto constant = constant_lines();
  constexpr std::size_t line_bytes = 4;    // ": " and "\r\n"
  constexpr std::size_t other_bytes = 64;  // of the status line, and of Connection
  auto size = other_bytes + reason.size() + constant.size() + body_end.size() + body.size() +
              std::string_view("Content-Type").size() + response.content_type.size() + line_bytes;
  for (const auto& [name, value] : response.headers)
    size += name.size() + value.size() + line_bytes;
  const bool has_type = !is_bodiless(response) && !response.content_type.empty() &&
                        !comes_again(response, "Content-Type", 0);
  std::string text;
  text.resize_and_overwrite(size, [&](char* room, std::size_t) {
    Pen pen(room);
    pen.write(version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    pen.write(std::to_string(status));
    pen.write(" ");
    pen.write(reason);
    pen.write("\r\n");
    pen.write(constant);
    if (has_type) pen.line("Content-Type", response.content_type);
    for (std::size_t at = 0; at < response.headers.size(); ++at)
      if (is_sent(response, at)) pen.line(response.headers[at].first, response.headers[at].second);
    if (version == 11 && !keep_alive) pen.line("Connection", "close");
    if (version == 10 && keep_alive) pen.line("Connection", "keep-alive");
    pen.write(body_end);
    pen.write("\r\n");
    pen.write(body);
    const auto written = static_cast<std::size_t>(pen.at() - room);
    STOA_ASSERT(written <= size);
    return written;
  });
  return text;
}

}  // namespace

std::string head_of(const http::Response& response, unsigned version, bool keep_alive,
                    std::string_view body_end) {
  return write_answer(response, version, keep_alive, body_end, {});
}

Message::Message(http::Response&& response, unsigned version, bool keep_alive, bool without_body) {
  const bool bodiless = is_bodiless(response);
  const auto length =
      bodiless ? std::string() : "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  const bool sends_body = !bodiless && !without_body;
  const bool in_one_piece = sends_body && response.body.size() <= one_piece_bytes_max;
  first = write_answer(response, version, keep_alive, length,
                       in_one_piece ? std::string_view(response.body) : std::string_view());
  if (sends_body && !in_one_piece) second = std::move(response.body);
}

}  // namespace stoa::beast
