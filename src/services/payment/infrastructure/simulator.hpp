#pragma once

#include <memory>

#include "kernel/base/clock.hpp"
#include "kernel/sql/connection.hpp"
#include "services/payment/application/provider.hpp"

namespace stoa::payment {

/// A payment provider of our own, for development, tests and the demonstration. Its append-only
/// ledger stands in a database of its own, so that an audit can hold it against the shop. The
/// tokens that steer it are listed in the README of this service.
class Simulator : public PaymentProvider {
 public:
  /// Ends its thread; calls without an answer stay without one.
  virtual void stop() = 0;
};

/// The two are one connection to the ledger, used by the simulator's thread alone from here on.
std::unique_ptr<Simulator> make_simulator(sql::Connection& ledger, sql::Transactions& transactions,
                                          const Clock& clock);

sql::Migrations simulator_migrations();

}  // namespace stoa::payment
