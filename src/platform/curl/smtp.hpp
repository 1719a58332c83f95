#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "kernel/mail/relay.hpp"

namespace stoa::curl {

struct SmtpOptions {
  enum class Security {
    opportunistic,  ///< STARTTLS if it is offered, else in the clear. Whoever can meddle with the
                    ///< connection could hide the offer, so the certificate is not checked either,
                    ///< unless `ca_file` says by whom.
    none,
    starttls,  ///< or nothing is sent; the certificate must be the host's
    tls,       ///< from the first byte; the certificate must be the host's
  };
  std::string host;
  std::uint16_t port = 587;
  Security security = Security::opportunistic;
  std::string user_name;  ///< empty: no login
  std::string password;
  std::string ca_file;  ///< PEM of the authorities to trust; empty: the system's
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds timeout{30'000};  ///< of one message, all in all
};

/// A client of one SMTP relay by libcurl; keeps its connection from message to message.
std::unique_ptr<mail::Relay> make_smtp_relay(SmtpOptions options);

/// Goes as far as every message goes before it is named: greets, encrypts, logs in, and sends
/// nothing. `accepted` when a message could follow, else `unreachable`.
mail::RelayAnswer greet_smtp_relay(SmtpOptions options);

}  // namespace stoa::curl
