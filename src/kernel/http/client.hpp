#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa::http {

/// A request to another system.
struct OutboundRequest {
  std::string method = "GET";
  std::string url;  ///< `https://…` or `http://…`
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::chrono::milliseconds timeout{10'000};            ///< for all of it, connecting included
  std::size_t answer_bytes_max = std::size_t{1} << 20;  ///< of the body
};

/// What the other system answered, whatever the status: a redirect is an answer too.
struct OutboundResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< names in lower case
  std::string body = {};

  /// The first of this name, in lower case; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
};

/// Speaks HTTP with other systems. Blocks for at most the request's timeout, so it is for worker
/// threads alone; any number of them at once. Redirects are not followed. Certificates are checked.
///
/// Codes of failure: `unreachable` (unavailable: no connection, so the request was not sent),
/// `certificate_refused` (unavailable: not sent), `no_answer` (timeout: it may have had its
/// effect), `answer_too_large` and `answer_broken` (internal: it may have had its effect) and
/// `invalid_request` (invalid: not sent). Their details hold the host, but neither the rest of the
/// URL nor headers nor bodies.
class Client {
 public:
  virtual ~Client() = default;
  /// A request without `Idempotency-Key` that is not a GET or HEAD is sent at most once; others may
  /// be sent again when a kept-alive connection turns out to be dead before an answer began.
  [[nodiscard]] virtual Result<OutboundResponse> send(const OutboundRequest& request) = 0;
};

}  // namespace stoa::http
