#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/sql/connection.hpp"
#include "services/payment/application/provider.hpp"

namespace stoa::payment {

/// A payment provider of our own, for development, tests and the demonstration. Its append-only
/// ledger stands in tables of its own, so that an audit can hold it against the shop, and several
/// may share it. The tokens that steer it are listed in the README of this service.
class Simulator : public PaymentProvider {
 public:
  /// Takes one signed webhook; `taken` is called once, and false asks for it to be sent again.
  using Deliver = std::function<void(const std::string& signature, const std::string& body,
                                     std::function<void(bool)> taken)>;
  /// Where late and doubled reports go from now on. Until then they wait.
  virtual void deliver_to(Deliver deliver) = 0;
  /// Ends its thread; calls without an answer stay without one.
  virtual void stop() = 0;
};

/// The two are one connection to the ledger, used by the simulator's thread alone from here on. Its
/// transactions come one after another, among all simulators of the ledger, so that a key is taken
/// once and no sum is passed.
/// What the ledger could not keep is told to `report_defect`, and its calls stay without an answer.
/// Its webhooks are signed with `webhook_secret`.
std::unique_ptr<Simulator> make_simulator(
    sql::Connection& ledger, sql::Transactions& transactions, const Clock& clock,
    const Crypto& crypto, std::string webhook_secret,
    std::function<void(const std::string&)> report_defect = {});

/// The header of its webhooks' signature.
inline constexpr std::string_view simulator_signature_header = "stoa-signature";

/// A body of its webhooks: `malformed_event`, or what it reports.
Result<std::optional<ProviderReport>> read_simulator_webhook(std::string_view body);
std::string write_simulator_webhook(const ProviderReport& report);

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

/// Of a file of its own, which refuses to change what was written.
sql::Migrations simulator_migrations();
/// Of a database that replicas share, without that refusal: its words are SQLite's alone.
sql::Migrations shared_simulator_migrations();

}  // namespace stoa::payment
