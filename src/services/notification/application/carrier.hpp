#pragma once

#include <string>

#include "kernel/base/clock.hpp"
#include "services/notification/application/template_book.hpp"

namespace stoa::notification {

/// A written message with its addressee.
struct Letter {
  std::string key;  ///< the same whenever the same notification is sent: `order-ord_….7.email`
  Timestamp date;   ///< of what it tells
  std::string to;   ///< an address or a number
  std::string to_name;
  std::string language;
  TemplateText text;
};

struct CarrierAnswer {
  TryOutcome outcome = TryOutcome::failed;
  bool reached = false;  ///< the other side answered, whatever it said: it is not down
  std::string code;
  std::string detail;  ///< for a person; may name the addressee
  std::string reference;
};

/// Brings letters to a relay or a provider. For one thread; blocks until its deadline, below the
/// one of `Outlet`.
class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual CarrierAnswer send(const Letter& letter) = 0;
  /// Ends a `send` that goes on, soon, and every later one at once. From any thread.
  virtual void interrupt() = 0;
};

}  // namespace stoa::notification
