#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "kernel/eventlog/journal.hpp"
#include "kernel/mediator/executor.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/payment/application/payment_store.hpp"
#include "services/payment/application/provider.hpp"
#include "services/payment/contracts/events.hpp"
#include "services/payment/domain/payment.hpp"

namespace stoa::payment {

struct PaymentOptions {
  Duration provider_timeout = std::chrono::seconds(3);
  Duration report_timeout = std::chrono::seconds(10);  ///< for what the provider left pending
  int tries_max = 20;                                  ///< then a compensation is parked
};

std::optional<contracts::Event> translate(const PaymentEvent& event, const RecordedEvent& row);

/// The write side of Payment, a small saga of its own towards the provider. Each open call is a row
/// of work in the transaction of its event, so a crash forgets none: what is due is asked again,
/// with the same key. Writer thread only, but for answers and reports, which it posts to itself.
class Payments final : public Participant {
 public:
  Payments(Executor& executor, EventLog& log, Topic<contracts::Event>& topic, PaymentStore& store,
           PaymentProvider& provider, PaymentOptions options);

  void on_ordering(UnitOfWork& unit, const ordering::contracts::Event& event);
  /// Takes up the calls whose answer is overdue.
  void take_up_due(UnitOfWork& unit);

  void flush(UnitOfWork& unit) override;
  void rolled_back() noexcept override;

 private:
  std::shared_ptr<Payment> load(const std::string& id);
  void append(UnitOfWork& unit, const std::string& id, const Events& events);
  void add_work(UnitOfWork& unit, const std::string& id, Operation operation,
                const std::string& key);
  void call_after_commit(UnitOfWork& unit, const Work& work, Operation operation);
  void call(const Work& work, Operation operation, const ProviderRequest& request);
  void on_answer(UnitOfWork& unit, const Work& work, Operation asked, const ProviderAnswer& answer);
  void settle(UnitOfWork& unit, const Work& work, const ProviderAnswer& answer);
  void retry_later(UnitOfWork& unit, const Work& work, Duration delay);
  void take_up(UnitOfWork& unit, Work work);

  Executor& executor_;
  PaymentStore& store_;
  PaymentProvider& provider_;
  PaymentOptions options_;
  Journal<PaymentEvent, contracts::Event> journal_;
  std::unordered_map<std::string, std::shared_ptr<Payment>> hot_;
  std::unordered_map<std::string, std::shared_ptr<Payment>> changed_;
};

std::optional<Payment> fold_payment(EventLog& log, const std::string& id);

}  // namespace stoa::payment
