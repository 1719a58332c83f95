#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernel/http/message.hpp"

namespace stoa::http {

/// Where a server listens.
struct Origin {
  std::string address;  ///< of IP, in digits
  std::uint16_t port = 80;
  auto operator<=>(const Origin&) const = default;
};

struct UpstreamRequest {
  std::string method = "GET";
  std::string target = "/";                                       ///< path and query
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< all but the body's framing
  std::shared_ptr<const std::string> body = {};                   ///< null: none
  /// What follows `body`. It is asked for a piece when its server has taken the one before, and for
  /// the first one when that server says that it wants it, or is silent for `continue_timeout`.
  std::shared_ptr<Stream> stream = {};
  std::optional<std::uint64_t> body_bytes = {};  ///< of both; not known: they go in chunks
  /// Until the answer's head is here, from the end of the body on.
  std::chrono::milliseconds answer_timeout{60'000};
  /// Not over a connection that was kept alive, which may have died meanwhile.
  bool on_fresh_connection = false;
};

/// Why there is no answer.
enum class UpstreamFault {
  unreachable,  ///< nothing was sent
  lost,         ///< the connection ended before the answer: the request may have had its effect
  timed_out,    ///< the same
  broken,       ///< what came is no answer
  abandoned     ///< the stream of the request broke off, for which the server is not to blame
};

using UpstreamAnswer = std::expected<Response, UpstreamFault>;

/// Speaks HTTP/1.1 with servers behind this one, over connections that are kept alive, and never
/// blocks. Thread-safe.
class Upstream {
 public:
  static constexpr std::chrono::milliseconds connect_timeout{1'000};
  static constexpr std::chrono::milliseconds continue_timeout{1'000};
  static constexpr std::size_t whole_bytes_max = std::size_t{256} << 10;

  virtual ~Upstream() = default;
  /// Calls `then` once, on the thread of the caller when that is a server's worker, unless the
  /// server ends before. A body of more than `whole_bytes_max`, or of unknown length, is the stream
  /// of the answer: it is read from its server as fast as it is taken, and given up when it is let
  /// go. What is of one connection alone (`Connection` and what it names, `Transfer-Encoding`,
  /// `Content-Length`, `Date`, `Server`) is not among the answer's headers.
  virtual void send(const Origin& origin, UpstreamRequest request,
                    std::function<void(UpstreamAnswer)> then) = 0;
};

}  // namespace stoa::http
