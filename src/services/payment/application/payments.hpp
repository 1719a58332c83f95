#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

#include "kernel/eventlog/journal.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/resilience/outside_calls.hpp"
#include "kernel/telemetry/tracer.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/payment/application/payment_store.hpp"
#include "services/payment/application/provider.hpp"
#include "services/payment/contracts/events.hpp"
#include "services/payment/domain/payment.hpp"

namespace stoa::payment {

struct PaymentOptions {
  Duration provider_timeout = std::chrono::seconds(3);
  Duration report_timeout = std::chrono::seconds(10);  ///< for what the provider left pending
  int refusals_max = 8;                                ///< of a void or refund; then it is parked
  Duration park_after = std::chrono::minutes(15);      ///< without any answer
  /// The name of this replica, the same after a restart. With one, work is leased to the replica
  /// that calls for it, until a while after its answer is missed. Empty: there is no other one.
  std::string owner = {};
};

/// Far longer than a provider goes on repeating an event.
inline constexpr std::chrono::days reports_kept{35};

std::optional<contracts::Event> translate(const PaymentEvent& event, const RecordedEvent& row);

/// The write side of Payment, a small saga of its own towards the provider. Each open call is a row
/// of work in the transaction of its event, so a crash forgets none: what is due is asked again,
/// with the same key. Writer thread only, but for answers, which it posts to itself.
class Payments final : public Participant {
 public:
  Payments(Executor& executor, const Clock& clock, EventLog& log, Topic<contracts::Event>& topic,
           PaymentStore& store, PaymentProvider& provider, const telemetry::Tracer& tracer,
           PaymentOptions options);

  void on(UnitOfWork& unit, const ordering::contracts::PaymentRequested& event);
  void on(UnitOfWork& unit, const ordering::contracts::CaptureRequested& event);
  void on(UnitOfWork& unit, const ordering::contracts::PaymentCloseRequested& event);
  void on(UnitOfWork& unit, const ordering::contracts::RefundRequested& event);
  void on(UnitOfWork& unit, const ordering::contracts::ProcessRetried& event);
  void prefetch(const ordering::contracts::PaymentRequested& event);
  /// Takes what the provider of this name reports, together with the memory of its event: a repeat
  /// has no effect. Money moves forward only, by the payment's own decisions; a report that is only
  /// a hint makes the open calls of its payment due, so that the provider is asked.
  ReportOutcome on_report(UnitOfWork& unit, const std::string& provider,
                          const ProviderReport& report);
  /// Forgets reports of more than `reports_kept` ago, some at a time.
  void forget_old_reports(UnitOfWork& unit);
  /// Takes up the calls whose answer is overdue; the first time all of them, for a process that was
  /// killed left no call behind that could still be answered. What another replica has leased is
  /// left to it.
  void take_up_due(UnitOfWork& unit);

  /// To the provider since the start, those that ask what became of another among them: from any
  /// thread.
  [[nodiscard]] std::int64_t calls() const { return calls_made_; }
  [[nodiscard]] std::int64_t finds() const { return finds_made_; }

  void flush(UnitOfWork& unit) override;
  void rolled_back() noexcept override;

 private:
  std::shared_ptr<Payment> load(const std::string& id);
  void append(UnitOfWork& unit, const std::string& id, const Events& events);
  void follow(UnitOfWork& unit, const Payment& payment, const PaymentEvent& event);
  void add_work(UnitOfWork& unit, const Payment& payment, Operation operation,
                const std::string& key);
  void remove_all_work(const Payment& payment);
  void call_after_commit(UnitOfWork& unit, const Work& work, Operation operation);
  [[nodiscard]] std::function<void(ProviderAnswer)> in_span(
      const ProviderRequest& request, std::string_view traceparent,
      std::function<void(ProviderAnswer)> answer) const;
  void on_answer(UnitOfWork& unit, const std::string& key, Operation asked,
                 const ProviderAnswer& answer);
  std::shared_ptr<Payment> matched(const std::string& provider, const ProviderReport& report);
  void take_report(UnitOfWork& unit, const Payment& payment, const ProviderReport& report);
  void settle(UnitOfWork& unit, const Work& work, const ProviderAnswer& answer);
  void on_refusal(UnitOfWork& unit, Work work, const ProviderAnswer& answer);
  void retry_at(Work work, Timestamp due_at);
  [[nodiscard]] Timestamp answer_missed_at(const UnitOfWork& unit) const;
  void lease(Work& work) const;
  void send(const ProviderRequest& request, std::string_view traceparent,
            std::function<void(ProviderAnswer)> answer);
  void take_up(UnitOfWork& unit, Work work);
  void park(UnitOfWork& unit, Work work, const std::string& detail);
  void resume(UnitOfWork& unit, const std::string& order_id);

  Executor& executor_;
  const Clock& clock_;
  PaymentStore& store_;
  PaymentProvider& provider_;
  OutsideCalls calls_;
  const telemetry::Tracer& tracer_;
  PaymentOptions options_;
  Journal<PaymentEvent, contracts::Event> journal_;
  std::unordered_map<std::string, std::shared_ptr<Payment>> hot_;
  std::unordered_map<std::string, std::shared_ptr<Payment>> changed_;
  bool started_ = false;
  Duration slowest_commit_{};  ///< of transactions that called, half of it forgotten with each
  std::atomic<std::int64_t> calls_made_{0};
  std::atomic<std::int64_t> finds_made_{0};
};

std::string stream_of(const std::string& payment_id);
std::optional<Payment> fold_payment(EventLog& log, const std::string& id);

}  // namespace stoa::payment
