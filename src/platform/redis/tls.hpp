#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace stoa::redis {

/// TLS over a connected socket, for one thread; each call waits as long as the socket does. It is
/// here because hiredis has none before 1.0, and up to 1.4 does not compare the name in a
/// certificate with that of the server.
class Tls {
 public:
  /// Shakes hands with `host`, whose certificate must be valid for that name or address, and signed
  /// by one of `ca_file` (PEM; empty: the system's authorities). Throws Unreachable.
  Tls(int socket, const std::string& host, const std::string& ca_file);

  /// What a read has room for: of a part of a record that is left, poll knows nothing.
  static constexpr std::size_t record_bytes_max = SSL3_RT_MAX_PLAIN_LENGTH;

  /// How many bytes were written or read, 0 when none can be at present. Throws Unreachable.
  std::size_t write(std::string_view bytes);
  std::size_t read(std::span<char> bytes);

 private:
  struct Free {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  std::size_t moved(int status, std::size_t bytes);

  std::unique_ptr<SSL, Free> session_;
};

}  // namespace stoa::redis
