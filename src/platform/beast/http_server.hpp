#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/http/router.hpp"

namespace stoa::beast {

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: a free one
  int threads = 1;
  std::size_t connections_max = 4'096;
  std::size_t body_bytes_max = std::size_t{64} << 20;
  std::chrono::milliseconds read_timeout{10'000};  ///< for a request's header, once it began
  std::chrono::milliseconds body_timeout{30'000};  ///< for its body, and for sending the answer
  std::chrono::milliseconds idle_timeout{60'000};  ///< between requests
  std::chrono::milliseconds heartbeat{15'000};     ///< of a stream on which nothing comes
  std::chrono::seconds stream_age_max{3'600};      ///< then its client comes back
};

/// HTTP/1.1 with keep-alive: one request at a time a connection, one io_context a thread. Faults of
/// the protocol, and connections beyond the limit, are answered with problem documents. A stream is
/// sent in chunks (to HTTP/1.0: until the connection closes) and ends its connection; who does not
/// take a piece of it within `body_timeout` is cut off.
class HttpServer {
 public:
  using Handle = std::function<void(std::shared_ptr<http::Request>, http::Reply)>;
  /// Asked once the header of a request is read; may note in the request what it found, for Handle.
  using Limits = std::function<http::RouteLimits(http::Request& request)>;

  virtual ~HttpServer() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  [[nodiscard]] virtual std::size_t connections() const = 0;  ///< that are open now
  virtual void start() = 0;
  /// Takes no more connections, closes idle ones, ends streams, lets running requests end within
  /// `grace`, closes all. A reply that comes later is dropped.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

/// Listens at once; throws std::runtime_error when the port is taken.
std::unique_ptr<HttpServer> make_http_server(HttpServerOptions options, HttpServer::Handle handle,
                                             HttpServer::Limits limits);

}  // namespace stoa::beast
