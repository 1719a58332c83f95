#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace stoa::rabbitmq {

/// The broker did not do it, or a setting is wrong.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Settings {
  std::string host;
  std::uint16_t port = 5672;
  std::string user_name = "guest";
  std::string password = "guest";
  std::string virtual_host = "/";
  bool tls = false;          ///< the broker's certificate must be valid for `host`
  std::string ca_file = {};  ///< PEM; empty: the system's
  /// A broker that is silent for twice as long is gone. Seconds are what the protocol counts in.
  std::chrono::seconds heartbeat{5};
  /// For each answer of the broker: to a login, to a declaration, for a confirmation.
  std::chrono::milliseconds answer_timeout{10'000};
};

}  // namespace stoa::rabbitmq
