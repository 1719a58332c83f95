#include "platform/beast/http_server.hpp"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/base/text.hpp"

namespace stoa::beast {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::beast::error_code;
using Stream = boost::beast::tcp_stream;
using Parser = bhttp::request_parser<bhttp::string_body>;

constexpr std::uint32_t header_bytes_max = 16 * 1024;

struct Shared {
  HttpServerOptions options;
  HttpServer::Handle handle;
  HttpServer::BodyLimit body_limit;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> stopping{false};
};

/// Where a handler's answer meets the connection that waits for it, from whatever thread it comes.
struct PendingReply {
  explicit PendingReply(const asio::io_context::executor_type& executor)
      : wake(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer wake;
  std::optional<http::Response> response;
};

Error protocol_error(const error_code& code) {
  if (code == bhttp::error::body_limit)
    return {ErrorKind::too_large, "body_too_large", "The body is larger than this route takes."};
  if (code == bhttp::error::header_limit || code == bhttp::error::buffer_overflow)
    return {ErrorKind::too_large, "header_too_large", "The header is larger than 16 kB."};
  if (code == boost::beast::error::timeout)
    return {ErrorKind::timeout, "request_timeout", "The request came too slowly."};
  return {ErrorKind::malformed, "malformed_request", "This is no HTTP request: " + code.message()};
}

std::shared_ptr<http::Request> to_request(Parser::value_type&& message) {
  auto request = std::make_shared<http::Request>();
  request->method = message.method_string();
  const std::string_view target = message.target();
  const auto mark = target.find('?');
  request->path = target.substr(0, mark);
  if (mark != std::string_view::npos) request->query = target.substr(mark + 1);
  for (const auto& field : message)
    request->headers.emplace_back(ascii_lower(field.name_string()), field.value());
  request->body = std::move(message.body());
  return request;
}

bhttp::response<bhttp::string_body> to_message(http::Response&& response, unsigned version,
                                               bool keep_alive, bool head) {
  bhttp::response<bhttp::string_body> message(static_cast<bhttp::status>(response.status), version);
  message.set(bhttp::field::server, "Stoa");
  if (!response.content_type.empty())
    message.set(bhttp::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.keep_alive(keep_alive);
  const auto size = response.body.size();
  if (!head) message.body() = std::move(response.body);
  message.prepare_payload();
  if (head) message.content_length(size);
  return message;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const asio::io_context::executor_type& executor, Shared& shared)
      : stream_(std::move(socket)), executor_(executor), shared_(shared) {
    ++shared_.connections;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --shared_.connections; }

  static asio::awaitable<void> run(std::shared_ptr<Connection> self) {
    error_code code;
    self->stream_.socket().set_option(tcp::no_delay(true), code);
    bool open = true;
    while (open && !self->shared_.stopping) open = co_await self->serve_one();
    self->stream_.socket().shutdown(tcp::socket::shutdown_both, code);
  }

 private:
  /// False when the connection is to be closed.
  asio::awaitable<bool> serve_one() {
    Parser parser;
    parser.header_limit(header_bytes_max);
    parser.body_limit(shared_.options.body_bytes_max);
    error_code code;
    const bool begun = co_await wait_for_request(code);
    if (!begun) co_return false;
    stream_.expires_after(shared_.options.read_timeout);
    co_await bhttp::async_read_header(stream_, buffer_, parser,
                                      asio::redirect_error(asio::use_awaitable, code));
    if (!code) co_await read_body(parser, code);
    if (code) {
      co_await refuse(code);
      co_return false;
    }
    const auto version = parser.get().version();
    const bool keep_alive = parser.get().keep_alive() && !shared_.stopping;
    const bool head = parser.get().method() == bhttp::verb::head;
    auto response = co_await ask(to_request(parser.release()));
    auto message = to_message(std::move(response), version, keep_alive, head);
    stream_.expires_after(shared_.options.read_timeout);
    if (head) {
      bhttp::response_serializer<bhttp::string_body> serializer(message);
      co_await bhttp::async_write_header(stream_, serializer,
                                         asio::redirect_error(asio::use_awaitable, code));
    } else {
      co_await bhttp::async_write(stream_, message,
                                  asio::redirect_error(asio::use_awaitable, code));
    }
    co_return keep_alive && !code;
  }

  /// The first byte of the next request may take its time: that is idleness, not slowness.
  asio::awaitable<bool> wait_for_request(error_code& code) {
    if (buffer_.size() > 0) co_return true;
    stream_.expires_after(shared_.options.idle_timeout);
    const auto space = buffer_.prepare(4096);
    const auto count =
        co_await stream_.async_read_some(space, asio::redirect_error(asio::use_awaitable, code));
    buffer_.commit(count);
    co_return !code && count > 0;
  }

  asio::awaitable<void> read_body(Parser& parser, error_code& code) {
    const std::string_view target = parser.get().target();
    const auto limit =
        shared_.body_limit(parser.get().method_string(), target.substr(0, target.find('?')));
    parser.body_limit(limit);
    const auto length = parser.content_length();
    if (length && *length > limit) {
      code = bhttp::error::body_limit;
      co_return;
    }
    if (ascii_iequals(parser.get()[bhttp::field::expect], "100-continue")) {
      bhttp::response<bhttp::empty_body> go_on(bhttp::status::continue_, 11);
      co_await bhttp::async_write(stream_, go_on, asio::redirect_error(asio::use_awaitable, code));
      if (code) co_return;
    }
    co_await bhttp::async_read(stream_, buffer_, parser,
                               asio::redirect_error(asio::use_awaitable, code));
  }

  asio::awaitable<http::Response> ask(std::shared_ptr<http::Request> request) {
    const auto pending = std::make_shared<PendingReply>(executor_);
    const auto executor = executor_;
    pending->wake.expires_after(shared_.options.reply_timeout);
    shared_.handle(request, [pending, executor](http::Response response) {
      const auto kept = std::make_shared<http::Response>(std::move(response));
      asio::post(executor, [pending, kept] {
        if (pending->response) return;
        pending->response = std::move(*kept);
        pending->wake.cancel();
      });
    });
    error_code code;
    co_await pending->wake.async_wait(asio::redirect_error(asio::use_awaitable, code));
    if (!pending->response)
      pending->response = http::problem(
          {ErrorKind::unavailable, "no_answer", "The answer took too long."}, *request);
    co_return std::move(*pending->response);
  }

  asio::awaitable<void> refuse(error_code code) {
    if (code == bhttp::error::end_of_stream || code == bhttp::error::partial_message ||
        code == asio::error::connection_reset || code == asio::error::eof)
      co_return;
    const http::Request none;
    auto message = to_message(http::problem(protocol_error(code), none), 11, false, false);
    stream_.expires_after(std::chrono::seconds(2));
    error_code ignored;
    co_await bhttp::async_write(stream_, message,
                                asio::redirect_error(asio::use_awaitable, ignored));
    co_await drain();
  }

  /// A reset would take the answer from a client that is still sending: read a little, then close.
  asio::awaitable<void> drain() {
    error_code code;
    stream_.socket().shutdown(tcp::socket::shutdown_send, code);
    std::array<char, 65536> bytes;
    for (int i = 0; i < 256 && !code; ++i)
      co_await stream_.async_read_some(asio::buffer(bytes),
                                       asio::redirect_error(asio::use_awaitable, code));
  }

  Stream stream_;
  asio::io_context::executor_type executor_;
  Shared& shared_;
  boost::beast::flat_buffer buffer_{header_bytes_max + 65536};
};

/// A thread with its own io_context and its own listening socket on the shared port.
class Worker {
 public:
  Worker(Shared& shared, std::uint16_t port) : shared_(shared), acceptor_(context_) {
    const tcp::endpoint endpoint(asio::ip::make_address(shared.options.address), port);
    acceptor_.open(endpoint.protocol());
    const int on = 1;
    ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared.options.threads > 1)
      ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    acceptor_.bind(endpoint);
    acceptor_.listen(1024);
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void start() {
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  void close() {
    asio::post(context_, [this] {
      error_code code;
      acceptor_.close(code);
    });
  }
  void end() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      error_code code;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, code));
      if (code == asio::error::operation_aborted) co_return;
      if (code) {  // out of descriptors: wait for some to close
        asio::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, code));
        continue;
      }
      if (shared_.connections >= shared_.options.connections_max) continue;  // closed by leaving
      const auto connection =
          std::make_shared<Connection>(std::move(socket), context_.get_executor(), shared_);
      asio::co_spawn(context_, Connection::run(connection), asio::detached);
    }
  }

  Shared& shared_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  std::thread thread_;
};

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, Handle handle, BodyLimit body_limit)
      : shared_{std::move(options), std::move(handle), std::move(body_limit), {}, {}} {
    auto port = shared_.options.port;
    for (int i = 0; i < shared_.options.threads; ++i) {
      workers_.push_back(std::make_unique<Worker>(shared_, port));
      port = workers_.front()->port();
    }
  }
  ~Server() override { stop(std::chrono::milliseconds(0)); }

  [[nodiscard]] std::uint16_t port() const override { return workers_.front()->port(); }
  void start() override {
    for (auto& worker : workers_) worker->start();
    started_ = true;
  }
  void stop(std::chrono::milliseconds grace) override {
    if (!started_) return;
    started_ = false;
    for (auto& worker : workers_) worker->close();
    shared_.stopping = true;
    const auto until = std::chrono::steady_clock::now() + grace;
    while (shared_.connections > 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (auto& worker : workers_) worker->end();
  }

 private:
  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<HttpServer> make_http_server(HttpServerOptions options, HttpServer::Handle handle,
                                             HttpServer::BodyLimit body_limit) {
  return std::make_unique<Server>(std::move(options), std::move(handle), std::move(body_limit));
}

}  // namespace stoa::beast
