#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/http/chunked_body.hpp"
#include "kernel/http/request_head.hpp"
#include "platform/beast/http_server.hpp"
#include "platform/beast/socket_deadline.hpp"

namespace stoa::beast {

/// Why a connection ends before its request could be served; nothing when the client has gone.
using Ending = std::optional<http::Fault>;
template <class T>
using Read = std::expected<T, Ending>;

/// Reads the requests of one connection, one after another: of each its head, and then its body, of
/// which no more is taken from the client than was asked for and fits into a buffer. All that it is
/// given outlives it; of the connection's thread alone.
class RequestReader {
 public:
  static constexpr std::size_t piece_bytes = 65'536;  ///< of a body at a time

  RequestReader(boost::asio::ip::tcp::socket& socket, SocketDeadline& deadline,
                const HttpServerOptions& options)
      : socket_(socket), deadline_(deadline), options_(options) {}

  /// For the first byte of the next request: false when there is none.
  boost::asio::awaitable<bool> wait();
  /// Whether it waits so.
  [[nodiscard]] bool is_idle() const { return idle_; }

  struct Head {
    std::shared_ptr<http::Request> request;  ///< without its body
    unsigned version = 11;                   ///< 10 or 11
    bool keep_alive = true;
  };
  boost::asio::awaitable<Read<Head>> read_head();

  /// Once a head: how long the body may be. One that is declared longer is refused here.
  Read<void> limit_body(std::size_t bytes_max);
  /// Nothing where the end will be told by the body itself.
  [[nodiscard]] std::optional<std::uint64_t> declared_bytes() const { return declared_; }
  /// Appends to `body` until it holds `bytes` or the request's body has ended, within the time that
  /// a body may take. The first call bids a client that waits for it to go on.
  boost::asio::awaitable<Read<void>> read_body(std::string& body, std::size_t bytes);
  [[nodiscard]] bool is_body_read() const { return chunks_ ? chunks_->is_done() : left_ == 0; }

 private:
  [[nodiscard]] std::string_view unread() const {
    return {static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
  }
  boost::asio::awaitable<Read<void>> read_more(std::size_t bytes);
  boost::asio::awaitable<bool> bid_to_continue();
  /// Of what was read already: how much of it.
  std::expected<std::size_t, http::Fault> take(std::string& body, std::size_t bytes);

  static constexpr std::size_t read_bytes = 4'096;  ///< of a header at a time

  boost::asio::ip::tcp::socket& socket_;
  SocketDeadline& deadline_;
  const HttpServerOptions& options_;
  boost::beast::flat_buffer buffer_{http::head_bytes_max + 2 * piece_bytes};
  bool idle_ = false;
  // Of the request whose head was read last:
  bool chunked_ = false;
  bool client_waits_ = false;  ///< to be bidden to go on
  std::optional<std::uint64_t> declared_;
  std::uint64_t left_ = 0;  ///< of the declared bytes
  std::optional<http::ChunkedBody> chunks_;
};

}  // namespace stoa::beast
