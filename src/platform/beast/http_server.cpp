#include "platform/beast/http_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <expected>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "kernel/base/text.hpp"
#include "platform/beast/message.hpp"
#include "platform/beast/pending.hpp"
#include "platform/beast/request_reader.hpp"
#include "platform/beast/socket_deadline.hpp"
#include "platform/beast/worker_context.hpp"

namespace stoa::beast {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::beast::error_code;

/// Connections beyond the limit that are told so at a time; more wait until they are accepted.
constexpr std::size_t turned_away_max = 64;

struct Shared {
  HttpServerOptions options;
  HttpServer::Handle handle;
  HttpServer::Limits limits;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> stopping{false};
};

using PendingReply = Pending<http::Response>;
using PendingPiece = Pending<std::string>;

/// The way of answers from other threads into a worker; it outlives the worker in those threads.
class Gate {
 public:
  explicit Gate(asio::io_context& context) : context_(&context) {}
  template <class T>
  void deliver(const std::weak_ptr<Pending<T>>& to, std::type_identity_t<T>&& value) {
    {
      const std::lock_guard lock(mutex_);
      if (context_ == nullptr) return;
      if (!context_->get_executor().running_in_this_thread()) {
        asio::post(*context_, [to, value = std::move(value)]() mutable {
          Pending<T>::settle(to, std::move(value));
        });
        return;
      }
    }
    // An answer from memory, before its connection has begun to wait.
    Pending<T>::settle(to, std::move(value));
  }
  /// On the worker's thread, at once when that is the caller's; false when it is no more.
  bool run(const std::function<void()>& work) {
    {
      const std::lock_guard lock(mutex_);
      if (context_ == nullptr) return false;
      if (!context_->get_executor().running_in_this_thread()) {
        asio::post(*context_, work);
        return true;
      }
    }
    work();
    return true;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* context_;
};

http::Response refusal(const http::Fault& fault) {
  const http::Request none;
  const auto told = [&](ErrorKind kind) {
    return Error{kind, std::string(fault.code), std::string(fault.detail)};
  };
  switch (fault.status) {
    case 408:
      return http::problem(told(ErrorKind::timeout), none);
    case 413:
      return http::problem(told(ErrorKind::too_large), none);
    case 414:
      return http::problem(told(ErrorKind::too_large), none, 414, "URI too long");
    case 431:
      return http::problem(told(ErrorKind::too_large), none, 431,
                           "Request header fields too large");
    case 505:
      return http::problem(told(ErrorKind::malformed), none, 505, "HTTP version not supported");
    default:
      return http::problem(told(ErrorKind::malformed), none);
  }
}

std::array<asio::const_buffer, 2> buffers_of(const Message& message) {
  return {asio::buffer(message.first), asio::buffer(message.second)};
}

class Connection;
/// The live connections of one worker; its thread only.
using Connections = std::unordered_set<Connection*>;

/// The rest of a request's body, for as long as its request is not answered.
class RequestBody final : public http::Stream, public std::enable_shared_from_this<RequestBody> {
 public:
  RequestBody(std::weak_ptr<Connection> connection, std::shared_ptr<Gate> gate)
      : connection_(std::move(connection)), gate_(std::move(gate)) {}

  void next(Take take) override {
    const auto self = shared_from_this();
    if (!gate_->run([self, take] { self->ask(take); })) end_broken(take);
  }
  [[nodiscard]] std::string_view heartbeat() const override { return {}; }
  [[nodiscard]] bool is_broken() const override { return broken_; }

  void end_broken(const Take& take) {
    broken_ = true;
    take({});
  }

 private:
  void ask(const Take& take);

  std::weak_ptr<Connection> connection_;
  std::shared_ptr<Gate> gate_;  ///< shared with all that may outlive the server
  std::atomic<bool> broken_{false};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, asio::io_context& context, std::shared_ptr<Gate> gate,
             Connections& others, Shared& shared)
      : socket_(std::move(socket)),
        deadline_(socket_, context),
        reader_(socket_, deadline_, shared.options),
        context_(context),
        gate_(std::move(gate)),
        others_(others),
        shared_(shared) {
    others_.insert(this);
    ++shared_.connections;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    others_.erase(this);
    --shared_.connections;
  }

  static asio::awaitable<void> run(std::shared_ptr<Connection> self) {
    error_code code;
    self->socket_.set_option(tcp::no_delay(true), code);
    self->socket_.non_blocking(true, code);
    const auto peer = self->socket_.remote_endpoint(code);
    if (!code) self->peer_ = peer.address().to_string();
    bool open = true;
    while (open && !self->shared_.stopping) open = co_await self->serve_one();
    self->deadline_.disarm();
    self->socket_.shutdown(tcp::socket::shutdown_both, code);
  }

  static asio::awaitable<void> turn_away(std::shared_ptr<Connection> self) {
    auto busy = http::problem(
        {ErrorKind::unavailable, "overloaded", "The shop is busy: try again shortly."}, {});
    co_await self->refuse(std::move(busy));
    self->deadline_.disarm();
  }

  [[nodiscard]] asio::io_context& context() const { return context_; }
  void close_if_idle() {
    error_code code;
    if (reader_.is_idle()) socket_.cancel(code);
    if (piece_) piece_->wake.cancel();
  }

  /// A piece of the body of the request that is not answered yet.
  static asio::awaitable<void> read_piece(std::shared_ptr<Connection> self,
                                          std::shared_ptr<RequestBody> body,
                                          http::Stream::Take take) {
    if (self->body_ != body) co_return body->end_broken(take);
    self->reply_->wake.expires_at(std::chrono::steady_clock::time_point::max());
    self->is_reading_ = true;
    std::string piece;
    const auto read = co_await self->reader_.read_body(piece, RequestReader::piece_bytes);
    self->is_reading_ = false;
    if (self->body_ != body) co_return body->end_broken(take);
    self->deadline_.disarm();
    self->reply_->wake.expires_after(self->answer_timeout_);
    if (read) co_return take(std::move(piece));
    self->break_off(read.error());
    body->end_broken(take);
  }

 private:
  /// A request with as much of its body as is handed over with it.
  struct Incoming {
    RequestReader::Head head;
    std::chrono::seconds answer_timeout;
  };

  /// False when the connection is to be closed.
  asio::awaitable<bool> serve_one() {
    const bool begun = co_await reader_.wait();
    if (!begun) co_return false;
    auto incoming = co_await receive();
    if (!incoming) {
      if (!incoming.error()) co_return false;
      auto told = refusal(*incoming.error());
      co_await refuse(std::move(told));
      co_return false;
    }
    deadline_.disarm();
    const auto version = incoming->head.version;
    const bool keep_alive = incoming->head.keep_alive;
    const bool head = incoming->head.request->method == "HEAD";
    auto response = co_await ask(std::move(*incoming));
    if (!response) co_return false;
    const bool is_read = reader_.is_body_read();
    if (response->stream) {
      co_await send_stream(std::move(*response), version, head);
      if (!is_read) co_await drain();
      co_return false;
    }
    const bool stays = keep_alive && is_read && !shared_.stopping;
    const Message message(std::move(*response), version, stays, head);
    const bool sent = co_await send(message);
    if (sent && !is_read) co_await drain();
    co_return sent&& stays;
  }

  /// Most answers fit into what the kernel buffers: those need no wait.
  asio::awaitable<bool> send(const Message& message) {
    error_code code;
    std::size_t count = 0;
    if (message.second.empty()) {
      count = socket_.write_some(asio::buffer(message.first), code);
      if (!code && count == message.first.size()) co_return true;
      if (code && code != asio::error::would_block) co_return false;
      code = {};
    }
    auto rest = buffers_of(message);
    rest[0] += count;
    deadline_.arm(shared_.options.body_timeout);
    co_await asio::async_write(socket_, rest, asio::redirect_error(asio::use_awaitable, code));
    deadline_.disarm();
    co_return !code;
  }

  asio::awaitable<Read<Incoming>> receive() {
    auto head = co_await reader_.read_head();
    if (!head) co_return std::unexpected(head.error());
    Incoming incoming{std::move(*head), {}};
    auto& request = *incoming.head.request;
    request.client_address = peer_;
    const auto limits = shared_.limits(request);
    incoming.answer_timeout = limits.answer_timeout;
    auto taken = reader_.limit_body(limits.body_bytes_max);
    const auto whole = limits.whole_body_bytes_max;
    if (taken && !reader_.is_body_read() && reader_.declared_bytes().value_or(0) <= whole)
      taken = co_await reader_.read_body(request.body, whole);
    if (!taken) co_return std::unexpected(taken.error());
    if (!reader_.is_body_read()) {
      body_ = std::make_shared<RequestBody>(weak_from_this(), gate_);
      request.stream = body_;
    }
    co_return incoming;
  }

  /// Nothing when the client has gone before the answer.
  asio::awaitable<std::optional<http::Response>> ask(Incoming incoming) {
    const auto request = std::move(incoming.head.request);
    const auto pending = std::make_shared<PendingReply>(context_);
    answer_timeout_ = incoming.answer_timeout;
    reply_ = pending;
    pending->wake.expires_after(answer_timeout_);
    hand_over(request, pending);
    error_code code;
    while (!pending->value && !gone_ && pending->wake.expiry() > std::chrono::steady_clock::now())
      co_await pending->wake.async_wait(asio::redirect_error(asio::use_awaitable, code));
    reply_.reset();
    body_.reset();
    if (is_reading_) {
      deadline_.disarm();
      socket_.cancel(code);
    }
    if (gone_) co_return std::nullopt;
    if (!pending->value)
      pending->value = http::problem(
          {ErrorKind::unavailable, "no_answer", "The answer took too long."}, *request);
    co_return std::move(pending->value);
  }

  /// The body of the request has come to an end too early: so it is answered here.
  void break_off(const Ending& ending) {
    if (!ending) gone_ = true;
    if (ending && !reply_->value) reply_->value = refusal(*ending);
    reply_->wake.cancel();
  }

  void hand_over(const std::shared_ptr<http::Request>& request,
                 const std::shared_ptr<PendingReply>& pending) {
    try {
      shared_.handle(request,
                     [gate = gate_, to = std::weak_ptr(pending)](http::Response&& response) {
                       gate->deliver(to, std::move(response));
                     });
    } catch (const std::exception&) {  // the handler reports its own; this keeps the client served
      pending->value = http::problem(internal_error(), *request);
    }
  }

  /// Ends with the stream, its client, its age, or the server.
  asio::awaitable<void> send_stream(http::Response response, unsigned version, bool head) {
    const auto stream = std::move(response.stream);
    const bool chunked = version >= 11;
    const auto header =
        head_of(response, version, false, chunked ? "Transfer-Encoding: chunked\r\n" : "");
    error_code code;
    // What a slow client has not read is kept here, and not in the kernel by the megabyte.
    socket_.set_option(asio::socket_base::send_buffer_size(64 * 1024), code);
    code = {};
    deadline_.arm(shared_.options.body_timeout);
    co_await asio::async_write(socket_, asio::buffer(header),
                               asio::redirect_error(asio::use_awaitable, code));
    deadline_.disarm();
    if (code || head) co_return;
    watch_client();
    const auto until = std::chrono::steady_clock::now() + shared_.options.stream_age_max;
    bool open = response.body.empty() || co_await send_piece(response.body, chunked);
    while (open && !is_over(until)) {
      const auto piece = co_await next_piece(*stream, until, chunked);
      if (!piece) co_return;
      if (piece->empty()) break;
      open = co_await send_piece(*piece, chunked);
    }
    if (open && chunked && !stream->is_broken()) co_await send_last_chunk();
  }

  [[nodiscard]] bool is_over(std::chrono::steady_clock::time_point until) const {
    return shared_.stopping || gone_ || std::chrono::steady_clock::now() >= until;
  }

  /// Keeps the client company meanwhile. Empty: the stream ends; nothing: the client has gone.
  asio::awaitable<std::optional<std::string>> next_piece(
      http::Stream& stream, std::chrono::steady_clock::time_point until, bool chunked) {
    const auto pending = std::make_shared<PendingPiece>(context_);
    piece_ = pending;
    stream.next([gate = gate_, to = std::weak_ptr(pending)](std::string&& piece) {
      gate->deliver(to, std::move(piece));
    });
    bool open = true;
    while (open && !pending->value && !is_over(until)) {
      const auto beat = std::chrono::steady_clock::now() + shared_.options.heartbeat;
      pending->wake.expires_at(std::min(beat, until));
      error_code code;
      co_await pending->wake.async_wait(asio::redirect_error(asio::use_awaitable, code));
      const auto heartbeat = stream.heartbeat();
      if (!pending->value && !is_over(until) && !heartbeat.empty())
        open = co_await send_piece(heartbeat, chunked);
    }
    piece_.reset();
    if (!open || gone_) co_return std::nullopt;
    co_return pending->value ? std::move(pending->value) : std::string();
  }

  asio::awaitable<bool> send_piece(std::string_view piece, bool chunked) {
    error_code code;
    const asio::const_buffer bytes(piece.data(), piece.size());
    deadline_.arm(shared_.options.body_timeout);
    if (chunked) {
      const auto chunk = bhttp::make_chunk(bytes);
      co_await asio::async_write(socket_, chunk, asio::redirect_error(asio::use_awaitable, code));
    } else {
      co_await asio::async_write(socket_, bytes, asio::redirect_error(asio::use_awaitable, code));
    }
    deadline_.disarm();
    co_return !code;
  }

  asio::awaitable<void> send_last_chunk() {
    error_code ignored;
    const auto last = bhttp::make_chunk_last();
    deadline_.arm(shared_.options.body_timeout);
    co_await asio::async_write(socket_, last, asio::redirect_error(asio::use_awaitable, ignored));
    deadline_.disarm();
  }

  /// The client of a stream has nothing more to say: when its side closes, it has gone.
  void watch_client() {
    socket_.async_wait(tcp::socket::wait_read, [weak = weak_from_this()](error_code code) {
      const auto self = weak.lock();
      if (!self || code) return;
      char byte = 0;
      const auto count = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) return;
      self->gone_ = true;
      if (self->piece_) self->piece_->wake.cancel();
    });
  }

  asio::awaitable<void> refuse(http::Response response) {
    const Message message(std::move(response), 11, false, false);
    deadline_.arm(std::chrono::seconds(2));
    error_code ignored;
    co_await asio::async_write(socket_, buffers_of(message),
                               asio::redirect_error(asio::use_awaitable, ignored));
    co_await drain();
  }

  /// A reset would take the answer from a client that is still sending: read a little, then close.
  asio::awaitable<void> drain() {
    deadline_.arm(std::chrono::seconds(2));
    error_code code;
    socket_.shutdown(tcp::socket::shutdown_send, code);
    std::array<char, 16384> bytes;
    for (int i = 0; i < 1024 && !code; ++i)
      co_await socket_.async_read_some(asio::buffer(bytes),
                                       asio::redirect_error(asio::use_awaitable, code));
  }

  tcp::socket socket_;
  SocketDeadline deadline_;
  RequestReader reader_;
  asio::io_context& context_;
  std::shared_ptr<Gate> gate_;  ///< shared with replies that may outlive the server
  Connections& others_;
  Shared& shared_;
  std::string peer_;
  bool gone_ = false;                    ///< the client, in the middle of a body or a stream
  std::shared_ptr<PendingPiece> piece_;  ///< that its stream waits for
  // Of the request that is not answered yet:
  std::shared_ptr<PendingReply> reply_;
  std::chrono::seconds answer_timeout_{};
  std::shared_ptr<RequestBody> body_;  ///< shared with the request
  bool is_reading_ = false;            ///< of the body
};

void RequestBody::ask(const Take& take) {
  const auto connection = connection_.lock();
  if (!connection) return end_broken(take);
  asio::co_spawn(connection->context(),
                 Connection::read_piece(connection, shared_from_this(), take), asio::detached);
}

/// SO_REUSEPORT would let a second shop share the port in silence: a plain bind finds out.
void check_free(const tcp::endpoint& endpoint) {
  asio::io_context context;
  tcp::acceptor probe(context);
  probe.open(endpoint.protocol());
  probe.set_option(tcp::acceptor::reuse_address(true));
  probe.bind(endpoint);
}

/// A thread with its own io_context and its own listening socket on the shared port.
class Worker {
 public:
  Worker(Shared& shared, std::uint16_t port)
      : shared_(shared), gate_(std::make_shared<Gate>(context_)), acceptor_(context_) {
    const tcp::endpoint endpoint(asio::ip::make_address(shared.options.address), port);
    acceptor_.open(endpoint.protocol());
    const int on = 1;
    ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared.options.threads > 1)
      ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    acceptor_.bind(endpoint);
    acceptor_.listen(1024);
    port_ = acceptor_.local_endpoint().port();
  }

  ~Worker() { end(); }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  void start() {
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] {
      worker_context() = &context_;
      context_.run();
    });
  }
  void close() {
    asio::post(context_, [this] {
      error_code code;
      acceptor_.close(code);
      for (auto* connection : connections_) connection->close_if_idle();
    });
  }
  void end() {
    gate_->close();
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  asio::awaitable<void> rest(std::chrono::milliseconds time) {
    asio::steady_timer pause(context_, time);
    error_code code;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, code));
  }

  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      error_code code;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, code));
      if (code == asio::error::operation_aborted) co_return;
      if (code) {  // out of descriptors: wait for some to close
        co_await rest(std::chrono::milliseconds(50));
        continue;
      }
      while (shared_.connections >= shared_.options.connections_max + turned_away_max)
        co_await rest(std::chrono::milliseconds(2));
      const std::size_t others = shared_.connections;
      const auto connection =
          std::make_shared<Connection>(std::move(socket), context_, gate_, connections_, shared_);
      if (others < shared_.options.connections_max) {
        asio::co_spawn(context_, Connection::run(connection), asio::detached);
      } else {
        asio::co_spawn(context_, Connection::turn_away(connection), asio::detached);
      }
    }
  }

  Shared& shared_;
  Connections connections_;
  asio::io_context context_{1};
  std::shared_ptr<Gate> gate_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, Handle handle, Limits limits)
      : shared_{std::move(options), std::move(handle), std::move(limits), {}, {}} {
    auto port = shared_.options.port;
    if (port != 0 && shared_.options.threads > 1)
      check_free({asio::ip::make_address(shared_.options.address), port});
    for (int i = 0; i < shared_.options.threads; ++i) {
      workers_.push_back(std::make_unique<Worker>(shared_, port));
      port = workers_.front()->port();
    }
  }
  ~Server() override { stop(std::chrono::milliseconds(0)); }

  [[nodiscard]] std::uint16_t port() const override { return workers_.front()->port(); }
  [[nodiscard]] std::size_t connections() const override { return shared_.connections; }
  void start() override {
    for (auto& worker : workers_) worker->start();
    started_ = true;
  }
  void stop(std::chrono::milliseconds grace) override {
    if (!started_) return;
    started_ = false;
    shared_.stopping = true;
    for (auto& worker : workers_) worker->close();
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

asio::io_context*& worker_context() {
  thread_local asio::io_context* context = nullptr;
  return context;
}

std::unique_ptr<HttpServer> make_http_server(HttpServerOptions options, HttpServer::Handle handle,
                                             HttpServer::Limits limits) {
  return std::make_unique<Server>(std::move(options), std::move(handle), std::move(limits));
}

}  // namespace stoa::beast
