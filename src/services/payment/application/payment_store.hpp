#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "services/payment/application/provider.hpp"
#include "services/payment/domain/payment.hpp"

namespace stoa::payment {

/// A call to the provider that has no final answer yet.
struct Work {
  std::string payment_id;
  Operation operation = Operation::authorize;
  std::string key;  ///< the provider's idempotency key; of a refund its id
  Timestamp due_at;
  std::int64_t tries = 0;
  bool parked = false;
};

/// Payment's own tables on the writer's thread, inside its transaction.
class PaymentStore {
 public:
  virtual ~PaymentStore() = default;
  virtual void save(const std::string& id, const Payment& payment) = 0;
  virtual void put_work(const Work& work) = 0;
  virtual void remove_work(const std::string& key) = 0;
  virtual std::optional<Work> work(const std::string& key) = 0;
  virtual std::vector<Work> due(Timestamp now, int limit) = 0;
  virtual void unpark(const std::string& order_id, Timestamp now) = 0;
};

}  // namespace stoa::payment
