#pragma once

#include <string>

namespace stoa::mail {

/// One message on its way: the envelope and the whole text as RFC 5322 has it, lines ended by CRLF.
struct Envelope {
  std::string from;
  std::string to;
  std::string text;
};

enum class Outcome {
  accepted,     ///< the relay answers for it now
  refused,      ///< for ever: the same message will be refused again (5xx)
  deferred,     ///< not now (4xx)
  unreachable,  ///< no relay, no login, no safe connection, or no answer: perhaps accepted
};

struct RelayAnswer {
  Outcome outcome = Outcome::unreachable;
  int reply_code = 0;  ///< of SMTP; 0 without an answer
  std::string detail;  ///< what the relay said or what kept us from it; may name the recipient
};

/// Hands mail to a relay, which signs and delivers it. For one thread; blocks until its deadline.
class Relay {
 public:
  virtual ~Relay() = default;
  virtual RelayAnswer send(const Envelope& envelope) = 0;
  /// Ends a `send` that goes on, soon, and every later one at once. From any thread.
  virtual void interrupt() = 0;
};

}  // namespace stoa::mail
