#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/json/codec.hpp"
#include "services/payment/application/provider.hpp"
#include "services/payment/domain/payment.hpp"

namespace stoa::payment {

/// A call to the provider that has no final answer yet.
struct Work {
  std::string payment_id;
  Operation operation = Operation::authorize;
  std::string key;  ///< the provider's idempotency key; of a refund its id
  Timestamp first_at;
  Timestamp due_at;           ///< the answer is missed then
  std::int64_t tries = 0;     ///< repeats after a missed answer
  std::int64_t refusals = 0;  ///< answers that say no to what must be done
  bool parked = false;
  /// The replica that calls for it, and until when no other one does; empty where there is one.
  std::string owner = {};
  Timestamp leased_until = {};
};

BOOST_DEFINE_ENUM_CLASS(ReportOutcome, taken, repeated, unmatched)

/// A provider's report as it is remembered, so that its repeats are known.
struct StoredReport {
  std::string provider, event_id, type, payment_id, reference;  ///< payment_id: empty if unmatched
  ReportOutcome outcome = ReportOutcome::taken;
  Timestamp received_at;
};

/// Payment's own tables on the writer's thread, inside its transaction.
class PaymentStore {
 public:
  virtual ~PaymentStore() = default;
  virtual void save(const Payment& payment, Timestamp now) = 0;
  virtual void put_work(const Work& work) = 0;
  virtual void remove_work(const std::string& key) = 0;
  virtual std::optional<Work> work(const std::string& key) = 0;
  /// `work` will be asked of this key.
  virtual void prefetch_work(const std::string& key) = 0;
  /// Not the parked ones, nor those that another than `owner` has leased.
  virtual std::vector<Work> due(Timestamp now, const std::string& owner, int limit) = 0;
  virtual std::vector<Work> parked(const std::string& order_id) = 0;
  virtual std::vector<Work> of_payment(const std::string& payment_id) = 0;
  /// But for those that another than `owner` has leased.
  virtual void make_all_due(Timestamp now, const std::string& owner) = 0;
  /// False when this event was kept before; then nothing changes.
  virtual bool keep_report(const StoredReport& report) = 0;
  /// At most `limit` of those received before; how many.
  virtual int forget_reports(Timestamp before, int limit) = 0;
  /// The newest one; empty when there is none.
  virtual std::string payment_of_order(const std::string& order_id) = 0;
  virtual std::string payment_of_reference(const std::string& reference) = 0;
};

}  // namespace stoa::payment
