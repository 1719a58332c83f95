#pragma once

#include <optional>
#include <string>
#include <vector>

#include "contracts/child_process.hpp"
#include "contracts/temporary_folder.hpp"
#include "kernel/resilience/circuit_breaker.hpp"
#include "platform/redis/settings.hpp"

namespace stoa {

/// A real Redis (or Valkey) on a port of its own, which keeps nothing; ended with the test.
class RedisServer {
 public:
  static bool is_installed();

  explicit RedisServer(std::vector<std::string> options = {});
  /// On the same port, empty.
  void start();
  void kill();
  void pause() const;
  void go_on() const;

  /// Of a client that waits for its answers, as long as a busy machine may take; `in_a_hurry`, as a
  /// program does.
  [[nodiscard]] redis::Settings settings(bool in_a_hurry = false) const;

 private:
  std::vector<std::string> options_;
  TemporaryFolder folder_;
  int port_;
  std::optional<ChildProcess> server_;
};

/// Whether a client of Redis sends commands at present.
template <class User>
bool is_asked(const User& user) {
  return user.breaker_state() == CircuitBreaker::State::closed;
}

}  // namespace stoa

/// Ends a test where neither Redis nor Valkey is installed.
#define STOA_NEEDS_REDIS() \
  if (!stoa::RedisServer::is_installed()) GTEST_SKIP() << "Redis is not installed"
