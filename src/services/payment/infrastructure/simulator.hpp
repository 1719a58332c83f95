#pragma once

#include <functional>
#include <memory>
#include <string>

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
/// What the ledger could not keep is told to `report_defect`, and its calls stay without an answer.
std::unique_ptr<Simulator> make_simulator(
    sql::Connection& ledger, sql::Transactions& transactions, const Clock& clock,
    std::function<void(const std::string&)> report_defect = {});

/// One movement, or one refusal, as the provider keeps it for ever.
struct LedgerEntry {
  std::int64_t seq = 0;
  std::string kind;  ///< authorization, capture, void, refund, refusal; attempt: without an effect
  std::string key;
  std::string payment_id;
  Money amount;
  std::string code;  ///< of a refusal
  Timestamp at;
  std::string reference;
};

/// The whole ledger in order, on a connection of the caller's; false ends the reading.
void for_each_entry(sql::Connection& ledger, const std::function<bool(const LedgerEntry&)>& each);

sql::Migrations simulator_migrations();

}  // namespace stoa::payment
