#include "platform/beast/http_client.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "kernel/base/text.hpp"

namespace stoa::beast {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::beast::error_code;

constexpr std::size_t answer_bytes_max = std::size_t{256} << 20;

bool is_safe_to_repeat(std::string_view method, const Headers& headers) {
  return method == "GET" || std::any_of(headers.begin(), headers.end(), [](const auto& header) {
           return ascii_iequals(header.first, "Idempotency-Key");
         });
}

}  // namespace

class HttpClient::Connection {
 public:
  Connection(std::string host, std::uint16_t port, std::chrono::milliseconds timeout)
      : host_(std::move(host)), port_(port), timeout_(timeout) {}

  Result<ClientResponse> send(std::string_view method, std::string_view target,
                              const Headers& headers, std::string_view body) {
    bhttp::request<bhttp::string_body> request;
    request.method_string(method);
    request.target(target);
    request.set(bhttp::field::host, host_ + ":" + std::to_string(port_));
    for (const auto& [name, value] : headers) request.set(name, value);
    request.body() = body;
    request.prepare_payload();
    const bool kept_alive = stream_.has_value();
    error_code code;
    auto answer = exchange(request, code);
    if (!answer && kept_alive && !answer_begun_ && code != boost::beast::error::timeout &&
        is_safe_to_repeat(method, headers))
      answer = exchange(request, code);
    if (answer) return std::move(*answer);
    return fail(ErrorKind::unavailable, "unreachable",
                "No answer from " + host_ + ":" + std::to_string(port_) + ": " + code.message());
  }

 private:
  std::optional<ClientResponse> exchange(const bhttp::request<bhttp::string_body>& request,
                                         error_code& code) {
    if (!stream_) connect(code);
    bhttp::response_parser<bhttp::string_body> parser;
    parser.body_limit(answer_bytes_max);
    parser.skip(request.method() == bhttp::verb::head);
    answer_begun_ = false;
    if (stream_) {
      // Deadlines hold for asynchronous operations only: each is run to its end here.
      stream_->expires_after(timeout_);
      bhttp::async_write(*stream_, request, [&](error_code c, std::size_t) { code = c; });
      run();
    }
    if (stream_ && !code) {
      bhttp::async_read(*stream_, buffer_, parser, [&](error_code c, std::size_t) { code = c; });
      run();
      answer_begun_ = parser.got_some();
    }
    if (!stream_ || code) {
      close();
      return std::nullopt;
    }
    auto message = parser.release();
    ClientResponse answer{static_cast<int>(message.result_int()), {}, std::move(message.body())};
    for (const auto& field : message)
      answer.headers.emplace_back(ascii_lower(field.name_string()), field.value());
    if (!message.keep_alive()) close();
    return answer;
  }

  void connect(error_code& code) {
    tcp::resolver resolver(context_);
    const auto found = resolver.resolve(host_, std::to_string(port_), code);
    if (code) return;
    stream_.emplace(context_);
    stream_->expires_after(timeout_);
    stream_->async_connect(found, [&](error_code c, const tcp::endpoint&) { code = c; });
    run();
    if (code) return close();
    error_code ignored;
    stream_->socket().set_option(tcp::no_delay(true), ignored);
  }

  void run() {
    context_.restart();
    context_.run();
  }

  void close() {
    stream_.reset();
    buffer_.clear();
  }

  std::string host_;
  std::uint16_t port_;
  std::chrono::milliseconds timeout_;
  asio::io_context context_{1};
  std::optional<boost::beast::tcp_stream> stream_;
  boost::beast::flat_buffer buffer_;
  bool answer_begun_ = false;
};

HttpClient::HttpClient(std::string host, std::uint16_t port, std::chrono::milliseconds timeout)
    : connection_(std::make_unique<Connection>(std::move(host), port, timeout)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<ClientResponse> HttpClient::send(std::string_view method, std::string_view target,
                                        const Headers& headers, std::string_view body) {
  return connection_->send(method, target, headers, body);
}

}  // namespace stoa::beast
