#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa::beast {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct ClientResponse {
  int status = 0;
  Headers headers;  ///< names in lower case
  std::string body;
};

/// A blocking HTTP/1.1 client with one kept-alive connection. For one thread at a time.
class HttpClient {
 public:
  /// `timeout` is for connecting and for each request as a whole.
  HttpClient(std::string host, std::uint16_t port, std::chrono::milliseconds timeout);
  HttpClient(HttpClient&&) noexcept;
  ~HttpClient();

  /// `unreachable` (unavailable) when no answer comes. A request that a kept-alive connection lost
  /// before any answer is sent once more when it is safe to: a GET, or with an Idempotency-Key.
  Result<ClientResponse> send(std::string_view method, std::string_view target,
                              const Headers& headers, std::string_view body);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace stoa::beast
