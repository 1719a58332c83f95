#include "platform/beast/upstream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <map>
#include <optional>
#include <thread>

#include "kernel/base/text.hpp"
#include "platform/beast/pending.hpp"
#include "platform/beast/socket_deadline.hpp"
#include "platform/beast/worker_context.hpp"

namespace stoa::beast {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using boost::beast::error_code;
using http::Origin;
using http::UpstreamAnswer;
using http::UpstreamFault;
using http::UpstreamRequest;
using Steady = std::chrono::steady_clock;

constexpr std::size_t piece_bytes = 65'536;
/// Idle for longer than this it is not used again: its server may be about to close it.
constexpr std::chrono::seconds idle_max{20};
constexpr std::size_t idle_connections_max = 1'024;  ///< of one origin
constexpr std::chrono::milliseconds body_timeout{30'000};
constexpr std::chrono::milliseconds silence_max{60'000};  ///< between two pieces of a stream

/// One connection to an origin, with what was read of it and not yet used.
struct Link {
  explicit Link(asio::io_context& context) : socket(context), deadline(socket, context) {}
  tcp::socket socket;
  SocketDeadline deadline;
  boost::beast::flat_buffer buffer;
  Steady::time_point idle_since;
};
using LinkPtr = std::unique_ptr<Link>;

/// Connections of one io_context that wait for their next request; gone before it is.
class Pool final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;
  explicit Pool(asio::execution_context& context) : asio::execution_context::service(context) {}

  /// Null: none that lives.
  LinkPtr take(const Origin& origin) {
    auto& idle = idle_[origin];
    while (!idle.empty()) {
      auto link = std::move(idle.back());
      idle.pop_back();
      if (Steady::now() - link->idle_since <= idle_max && is_quiet(*link)) return link;
    }
    return nullptr;
  }
  void give_back(const Origin& origin, LinkPtr link) {
    auto& idle = idle_[origin];
    link->deadline.disarm();
    link->idle_since = Steady::now();
    if (idle.size() < idle_connections_max) idle.push_back(std::move(link));
  }

 private:
  void shutdown() override { idle_.clear(); }

  /// Nothing has come, not even the end.
  static bool is_quiet(Link& link) {
    char byte = 0;
    const auto count = ::recv(link.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  std::map<Origin, std::vector<LinkPtr>> idle_;
};

bool is_of_connection_alone(std::string_view name) {
  constexpr std::array<std::string_view, 9> names{
      "connection", "keep-alive", "transfer-encoding", "content-length", "trailer", "upgrade",
      "date",       "server",     "proxy-authenticate"};
  return std::ranges::any_of(names, [&](auto one) { return ascii_iequals(name, one); });
}

http::Response to_response(const bhttp::fields& fields, unsigned status) {
  http::Response response;
  response.status = static_cast<int>(status);
  response.content_type.clear();
  response.negotiated = true;
  const std::string_view connection = fields[bhttp::field::connection];
  for (const auto& field : fields) {
    const std::string_view name = field.name_string();
    if (is_of_connection_alone(name) || bhttp::token_list(connection).exists(name)) continue;
    if (field.name() == bhttp::field::content_type) {
      response.content_type = field.value();
    } else {
      response.headers.emplace_back(name, field.value());
    }
  }
  return response;
}

/// The rest of an answer, as it comes.
class BodyStream final : public http::Stream, public std::enable_shared_from_this<BodyStream> {
 public:
  using Parser = bhttp::response_parser<bhttp::buffer_body>;
  BodyStream(asio::io_context& context, LinkPtr link,
             bhttp::response_parser<bhttp::empty_body>&& head)
      : context_(context), link_(std::move(link)), parser_(std::move(head)) {
    parser_.body_limit(boost::none);
  }

  void next(Take take) override {
    asio::co_spawn(context_, read(shared_from_this(), std::move(take)), asio::detached);
  }
  [[nodiscard]] std::string_view heartbeat() const override { return {}; }
  [[nodiscard]] bool is_broken() const override { return broken_; }

 private:
  static asio::awaitable<void> read(std::shared_ptr<BodyStream> self, Take take) {
    std::string piece;
    while (piece.empty() && !self->parser_.is_done() && !self->broken_) {
      piece.resize(piece_bytes);
      auto& body = self->parser_.get().body();
      body.data = piece.data();
      body.size = piece.size();
      error_code code;
      self->link_->deadline.arm(silence_max);
      co_await bhttp::async_read_some(self->link_->socket, self->link_->buffer, self->parser_,
                                      asio::redirect_error(asio::use_awaitable, code));
      self->link_->deadline.disarm();
      piece.resize(piece.size() - body.size);
      if (code && code != bhttp::error::need_buffer) self->broken_ = true;
    }
    take(std::move(piece));
  }

  asio::io_context& context_;
  LinkPtr link_;
  Parser parser_;
  bool broken_ = false;
};

/// The request line and all fields.
std::string head_of(const Origin& origin, const UpstreamRequest& request) {
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
  bool has_host = false;
  for (const auto& [name, value] : request.headers) {
    head.append(name).append(": ").append(value).append("\r\n");
    has_host = has_host || ascii_iequals(name, "host");
  }
  if (!has_host) head += "Host: " + origin.address + ":" + std::to_string(origin.port) + "\r\n";
  const auto length = request.stream ? request.body_bytes
                      : request.body ? std::optional<std::uint64_t>(request.body->size())
                                     : std::nullopt;
  if (length) head += "Content-Length: " + std::to_string(*length) + "\r\n";
  if (request.stream && !length) head += "Transfer-Encoding: chunked\r\n";
  if (request.stream) head += "Expect: 100-continue\r\n";
  return head + "\r\n";
}

/// One request and its answer.
class Exchange {
 public:
  static asio::awaitable<void> run(asio::io_context& context, Origin origin,
                                   UpstreamRequest request,
                                   std::function<void(UpstreamAnswer)> then) {
    Exchange exchange(context, origin, request);
    auto answer = co_await exchange.ask();
    then(std::move(answer));
    co_await exchange.sender_ends();
  }

 private:
  using Head = bhttp::response_parser<bhttp::empty_body>;

  Exchange(asio::io_context& context, const Origin& origin, const UpstreamRequest& request)
      : context_(context),
        pool_(asio::use_service<Pool>(context)),
        origin_(origin),
        request_(request),
        sender_ended_(context, Steady::time_point::max()) {}

  asio::awaitable<UpstreamAnswer> ask() {
    if (!request_.on_fresh_connection) link_ = pool_.take(origin_);
    if (!link_) {
      const bool connected = co_await connect();
      if (!connected) co_return std::unexpected(UpstreamFault::unreachable);
    }
    const bool sent = co_await write_head();
    if (!sent) co_return std::unexpected(fault());
    begin_head();
    if (request_.stream) co_return co_await read_while_sending();
    link_->deadline.arm(request_.answer_timeout);
    const auto code = co_await read_head();
    if (code) co_return std::unexpected(of(code));
    co_return co_await read_rest(true);
  }

  asio::awaitable<bool> connect() {
    link_ = std::make_unique<Link>(context_);
    error_code code;
    const auto address = asio::ip::make_address(origin_.address, code);
    if (code) co_return false;
    link_->deadline.arm(http::Upstream::connect_timeout);
    co_await link_->socket.async_connect({address, origin_.port},
                                         asio::redirect_error(asio::use_awaitable, code));
    link_->deadline.disarm();
    if (code) co_return false;
    link_->socket.set_option(tcp::no_delay(true), code);
    link_->socket.non_blocking(true, code);
    co_return true;
  }

  /// With the body, unless that is a stream.
  asio::awaitable<bool> write_head() {
    const auto head = head_of(origin_, request_);
    const bool has_body = request_.body && !request_.stream;
    const std::array<asio::const_buffer, 2> buffers{
        asio::buffer(head), has_body ? asio::buffer(*request_.body) : asio::const_buffer()};
    error_code code;
    const auto size = asio::buffer_size(buffers);
    const auto count = link_->socket.write_some(buffers, code);
    if (!code && count == size) co_return true;
    if (code && code != asio::error::would_block) co_return false;
    boost::beast::buffers_suffix rest(buffers);
    rest.consume(count);
    co_return co_await write(rest);
  }

  template <class Buffers>
  asio::awaitable<bool> write(const Buffers& buffers) {
    error_code code;
    link_->deadline.arm(body_timeout);
    co_await asio::async_write(link_->socket, buffers,
                               asio::redirect_error(asio::use_awaitable, code));
    if (!code) link_->deadline.disarm();
    co_return !code;
  }

  void begin_head() {
    head_.emplace();
    head_->body_limit(boost::none);
  }
  asio::awaitable<error_code> read_head() {
    error_code code;
    co_await bhttp::async_read_header(link_->socket, link_->buffer, *head_,
                                      asio::redirect_error(asio::use_awaitable, code));
    co_return code;
  }
  /// It tells of no answer yet.
  [[nodiscard]] bool is_interim() const { return head_->get().result_int() < 200; }

  /// The answer may come before the whole body was sent; what is left of it then stays here. A
  /// server that does not want the body says so instead of bidding to go on.
  asio::awaitable<UpstreamAnswer> read_while_sending() {
    link_->deadline.arm(http::Upstream::continue_timeout);
    auto code = co_await read_head();
    const bool is_silent = code && link_->deadline.has_expired();
    if (code && !is_silent) co_return std::unexpected(of(code));
    if (!code && !is_interim()) co_return co_await read_rest(false);
    link_->deadline.disarm();
    if (!code) begin_head();
    is_sending_ = true;
    asio::co_spawn(context_, send_body(), asio::detached);
    for (code = co_await read_head(); !code && is_interim(); code = co_await read_head())
      begin_head();
    is_answered_ = true;
    if (abandoned_) co_return std::unexpected(UpstreamFault::abandoned);
    if (code) co_return std::unexpected(of(code));
    if (is_sending_) {
      link_->socket.cancel(code);
      link_->deadline.arm(body_timeout);
    }
    co_return co_await read_rest(!is_sending_);
  }

  asio::awaitable<void> send_body() {
    bool open = true;
    if (request_.body && !request_.body->empty()) open = co_await send_piece(*request_.body);
    while (open && !is_answered_ && sent_ != request_.body_bytes) {
      const auto piece = co_await next_piece();
      if (piece.empty()) break;
      open = !is_answered_ && co_await send_piece(piece);
    }
    if (open && !is_answered_) co_await end_body();
    is_sending_ = false;
    sender_ended_.cancel();
  }

  asio::awaitable<bool> send_piece(std::string_view piece) {
    sent_ += piece.size();
    const asio::const_buffer bytes(piece.data(), piece.size());
    if (request_.body_bytes) co_return co_await write(bytes);
    const auto chunk = bhttp::make_chunk(bytes);
    co_return co_await write(chunk);
  }

  asio::awaitable<void> end_body() {
    if (request_.stream->is_broken()) {
      abandoned_ = true;
      error_code ignored;
      link_->socket.close(ignored);  // so that its server does not take the rest for the whole
      co_return;
    }
    const auto last = bhttp::make_chunk_last();
    const bool sent = request_.body_bytes || co_await write(last);
    if (sent && !is_answered_) link_->deadline.arm(request_.answer_timeout);
  }

  asio::awaitable<std::string> next_piece() {
    const auto pending = std::make_shared<Pending<std::string>>(context_);
    request_.stream->next([&context = context_, to = std::weak_ptr(pending)](std::string&& piece) {
      asio::dispatch(context, [to, piece = std::move(piece)]() mutable {
        Pending<std::string>::settle(to, std::move(piece));
      });
    });
    error_code code;
    if (!pending->value)
      co_await pending->wake.async_wait(asio::redirect_error(asio::use_awaitable, code));
    co_return std::move(pending->value).value_or("");
  }

  /// What it does for this exchange; that uses its members.
  asio::awaitable<void> sender_ends() {
    if (!is_sending_) co_return;
    error_code code;
    if (link_) link_->socket.cancel(code);
    co_await sender_ended_.async_wait(asio::redirect_error(asio::use_awaitable, code));
  }

  asio::awaitable<UpstreamAnswer> read_rest(bool may_stay) {
    if (is_interim()) co_return std::unexpected(UpstreamFault::broken);
    auto response = to_response(head_->get(), head_->get().result_int());
    const auto length = head_->content_length();
    if (!head_->is_done() && (!length || *length > http::Upstream::whole_bytes_max)) {
      if (is_sending_) co_return std::unexpected(UpstreamFault::broken);
      link_->deadline.disarm();
      response.stream = std::make_shared<BodyStream>(context_, std::move(link_), std::move(*head_));
      co_return response;
    }
    bool stays = may_stay && head_->keep_alive();
    if (!head_->is_done()) {
      bhttp::response_parser<bhttp::string_body> whole(std::move(*head_));
      error_code code;
      co_await bhttp::async_read(link_->socket, link_->buffer, whole,
                                 asio::redirect_error(asio::use_awaitable, code));
      if (code) co_return std::unexpected(of(code));
      stays = may_stay && whole.keep_alive();
      response.body = std::move(whole.get().body());
    }
    if (stays && link_->buffer.size() == 0) pool_.give_back(origin_, std::move(link_));
    co_return response;
  }

  [[nodiscard]] UpstreamFault fault() const {
    return link_->deadline.has_expired() ? UpstreamFault::timed_out : UpstreamFault::lost;
  }
  /// Beast names what is no answer in its own category, but for an end within one.
  [[nodiscard]] UpstreamFault of(const error_code& code) const {
    const bool ends = code == bhttp::error::end_of_stream || code == bhttp::error::partial_message;
    if (!ends && code.category() == make_error_code(bhttp::error::bad_status).category())
      return UpstreamFault::broken;
    return fault();
  }

  asio::io_context& context_;
  Pool& pool_;
  const Origin& origin_;  ///< this and the request are of the coroutine's frame
  const UpstreamRequest& request_;
  LinkPtr link_;
  std::optional<Head> head_;
  // Of a request with a stream:
  asio::steady_timer sender_ended_;
  bool is_sending_ = false;
  std::uint64_t sent_ = 0;  ///< bytes of the body
  bool is_answered_ = false;
  bool abandoned_ = false;
};

class BeastUpstream final : public http::Upstream {
 public:
  BeastUpstream() : thread_([this] { context_.run(); }) {}
  BeastUpstream(const BeastUpstream&) = delete;
  BeastUpstream& operator=(const BeastUpstream&) = delete;
  ~BeastUpstream() override {
    context_.stop();
    thread_.join();
  }

  void send(const Origin& origin, UpstreamRequest request,
            std::function<void(UpstreamAnswer)> then) override {
    auto& context = worker_context() != nullptr ? *worker_context() : context_;
    asio::co_spawn(context, Exchange::run(context, origin, std::move(request), std::move(then)),
                   asio::detached);
  }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<http::Upstream> make_upstream() { return std::make_unique<BeastUpstream>(); }

std::vector<http::Origin> resolve(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return {};
  url.remove_prefix(scheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  const bool bracketed = url.starts_with('[');
  const auto end = bracketed ? url.find(']') : url.find(':');
  if (bracketed && end == std::string_view::npos) return {};
  const std::string host(bracketed ? url.substr(1, end - 1) : url.substr(0, end));
  const auto rest = url.substr(std::min(end, url.size()));
  const auto colon = rest.find(':');
  const std::string port(colon == std::string_view::npos ? "80" : rest.substr(colon + 1));
  asio::io_context context;
  error_code code;
  std::vector<http::Origin> origins;
  for (const auto& entry : tcp::resolver(context).resolve(host, port, code))
    origins.push_back({entry.endpoint().address().to_string(), entry.endpoint().port()});
  return origins;
}

}  // namespace stoa::beast
