#include "services/payment/application/payments.hpp"

#include <algorithm>

namespace stoa::payment {
namespace {

constexpr std::size_t hot_max = 8'192;
constexpr std::string_view stream_prefix = "payment-";

template <class... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};

/// 0.5, 1, 2, 2, … seconds, spread by a quarter so that many do not come back together.
Duration backoff(std::int64_t tries, const std::string& key) {
  const auto base_ms = std::min<std::int64_t>(500LL << std::min<std::int64_t>(tries, 2), 2000);
  const auto spread = static_cast<std::int64_t>(std::hash<std::string>{}(key) % 100);
  return std::chrono::milliseconds(base_ms + base_ms * spread / 400);
}

}  // namespace

std::optional<contracts::Event> translate(const PaymentEvent& event, const RecordedEvent& row) {
  namespace out = contracts;
  using Published = std::optional<contracts::Event>;
  const auto id = PaymentId::parse(std::string_view(row.stream).substr(stream_prefix.size()));
  STOA_ASSERT(id.has_value());
  return std::visit(Overload{
                        [&](const PaymentAuthorized& e) -> Published {
                          return out::PaymentAuthorized{*id, e.order_id, e.amount};
                        },
                        [&](const PaymentCaptured& e) -> Published {
                          if (!e.expected) return std::nullopt;
                          return out::PaymentCaptured{*id, e.order_id, e.amount};
                        },
                        [&](const PaymentDeclined& e) -> Published {
                          return out::PaymentDeclined{*id, e.order_id, e.code, e.detail};
                        },
                        [&](const PaymentClosed& e) -> Published {
                          return out::PaymentClosed{*id, e.order_id, e.reason, e.captured,
                                                    e.refunded};
                        },
                        [&](const RefundCompleted& e) -> Published {
                          return out::RefundCompleted{*id, e.order_id, e.refund_id, e.amount};
                        },
                        [&](const RefundFailed& e) -> Published {
                          return out::RefundFailed{*id, e.order_id, e.refund_id, e.code};
                        },
                        [&](const PaymentParked& e) -> Published {
                          return out::PaymentParked{*id, e.order_id, e.operation, e.detail};
                        },
                        [](const auto&) -> Published { return std::nullopt; },
                    },
                    event);
}

std::optional<Payment> fold_payment(EventLog& log, const std::string& id) {
  Payment payment;
  log.read_stream(std::string(stream_prefix) + id, 0, [&](const RecordedEvent& row) {
    evolve(payment, decode_event<PaymentEvent>(row.type, row.data));
    return true;
  });
  return payment.revision > 0 ? std::optional(std::move(payment)) : std::nullopt;
}

Payments::Payments(Executor& executor, EventLog& log, Topic<contracts::Event>& topic,
                   PaymentStore& store, PaymentProvider& provider, PaymentOptions options)
    : executor_(executor),
      store_(store),
      provider_(provider),
      options_(options),
      journal_(log, topic, translate) {
  provider_.on_report([this](const ProviderReport& report) {
    const Work work{report.payment_id, Operation::authorize, report.payment_id, {}, 0, false};
    // A lost report is asked for again when its work is due.
    static_cast<void>(executor_.submit(
        {Executor::Lane::inside,
         1,
         {.actor = "provider"},
         [this, work, report](UnitOfWork& unit) { settle(unit, work, report.answer); },
         {}}));
  });
}

std::shared_ptr<Payment> Payments::load(const std::string& id) {
  if (const auto at = hot_.find(id); at != hot_.end()) return at->second;
  auto payment = std::make_shared<Payment>(fold_payment(journal_.log(), id).value_or(Payment{}));
  hot_.emplace(id, payment);
  return payment;
}

/// Every event that needs the provider brings its work into the same transaction.
void Payments::append(UnitOfWork& unit, const std::string& id, const Events& events) {
  if (events.empty()) return;
  const auto payment = load(id);
  const auto before = payment->revision;
  for (const auto& event : events) evolve(*payment, event);
  changed_[id] = payment;
  const auto revision = journal_.append(unit, std::string(stream_prefix) + id, before, events);
  STOA_ASSERT(revision && *revision == payment->revision);
  for (const auto& event : events) {
    std::visit(
        Overload{
            [&](const PaymentRequested&) { add_work(unit, id, Operation::authorize, id); },
            [&](const CaptureRequested&) {
              add_work(unit, id, Operation::capture, id + "-capture");
            },
            [&](const RefundRequested& e) { add_work(unit, id, Operation::refund, e.refund_id); },
            [](const auto&) {},
        },
        event);
  }
  const bool is_void_due = payment->status == Status::authorized && payment->closing;
  if (is_void_due && !store_.work(id + "-void"))
    add_work(unit, id, Operation::void_payment, id + "-void");
}

void Payments::add_work(UnitOfWork& unit, const std::string& id, Operation operation,
                        const std::string& key) {
  const Work work{id, operation, key, unit.now() + options_.provider_timeout, 0, false};
  store_.put_work(work);
  call_after_commit(unit, work, operation);
}

void Payments::call_after_commit(UnitOfWork& unit, const Work& work, Operation operation) {
  const auto payment = load(work.payment_id);
  ProviderRequest request{operation,
                          work.payment_id,
                          work.key,
                          payment->request.amount,
                          payment->request.token,
                          payment->request.capture};
  if (operation == Operation::refund) {
    const auto at = std::find_if(payment->pending.begin(), payment->pending.end(),
                                 [&](const PendingRefund& one) { return one.id == work.key; });
    if (at == payment->pending.end()) return store_.remove_work(work.key);
    request.amount = at->amount;
  }
  unit.after_commit([this, work, operation, request] { call(work, operation, request); });
}

void Payments::call(const Work& work, Operation operation, const ProviderRequest& request) {
  provider_.call(request, [this, work, operation](const ProviderAnswer& answer) {
    // An answer that is lost here is asked for again when the work is due.
    static_cast<void>(executor_.submit({Executor::Lane::inside,
                                        1,
                                        {.actor = "provider"},
                                        [this, work, operation, answer](UnitOfWork& unit) {
                                          on_answer(unit, work, operation, answer);
                                        },
                                        {}}));
  });
}

void Payments::on_answer(UnitOfWork& unit, const Work& work, Operation asked,
                         const ProviderAnswer& answer) {
  const auto open = store_.work(work.key);
  if (!open) return;  // settled meanwhile: by a report, or by an earlier answer
  if (answer.outcome == Outcome::pending) {
    retry_later(unit, *open, options_.report_timeout);
  } else if (answer.outcome == Outcome::not_found && asked == Operation::find) {
    // Not final: the request may still land. With the same key it lands once.
    retry_later(unit, *open, options_.provider_timeout);
    call_after_commit(unit, *open, open->operation);
  } else {
    settle(unit, *open, answer);
  }
}

void Payments::settle(UnitOfWork& unit, const Work& work, const ProviderAnswer& answer) {
  const auto payment = load(work.payment_id);
  if (payment->revision == 0) return;
  const bool compensates = payment->closing.has_value();
  switch (answer.outcome) {
    case Outcome::authorized:
      store_.remove_work(work.key);
      return append(unit, work.payment_id,
                    on_authorized(*payment, answer.amount, answer.reference));
    case Outcome::captured:
      store_.remove_work(work.key);
      if (work.operation == Operation::void_payment)
        store_.remove_work(work.payment_id + "-capture");
      return append(unit, work.payment_id, on_captured(*payment, answer.amount, answer.reference));
    case Outcome::voided:
      store_.remove_work(work.key);
      return append(unit, work.payment_id, on_voided(*payment));
    case Outcome::refunded:
      store_.remove_work(work.key);
      return append(unit, work.payment_id, on_refunded(*payment, work.key));
    case Outcome::declined:
      if (work.operation == Operation::authorize) {
        store_.remove_work(work.key);
        return append(unit, work.payment_id, on_declined(*payment, answer.code, ""));
      }
      if (work.operation == Operation::refund && !compensates) {
        store_.remove_work(work.key);
        return append(unit, work.payment_id, on_refund_refused(*payment, work.key, answer.code));
      }
      return;  // a compensation goes on until it succeeds or is parked
    case Outcome::pending:
    case Outcome::not_found:
      return;
  }
}

void Payments::retry_later(UnitOfWork& unit, const Work& work, Duration delay) {
  auto later = work;
  later.due_at = unit.now() + delay;
  store_.put_work(later);
}

void Payments::take_up_due(UnitOfWork& unit) {
  for (auto& work : store_.due(unit.now(), 200)) take_up(unit, std::move(work));
}

void Payments::take_up(UnitOfWork& unit, Work work) {
  const auto payment = load(work.payment_id);
  const bool compensation = work.operation != Operation::authorize;
  ++work.tries;
  if (compensation && work.tries > options_.tries_max) {
    work.parked = true;
    store_.put_work(work);
    return append(
        unit, work.payment_id,
        {PaymentParked{payment->request.order_id, std::string(json::name_of(work.operation)),
                       "The provider has not done it after many tries."}});
  }
  work.due_at = unit.now() + options_.provider_timeout + backoff(work.tries, work.key);
  store_.put_work(work);
  // A missed answer is unknown, not failed: ask what became of it before sending it again.
  call_after_commit(unit, work, compensation ? work.operation : Operation::find);
}

void Payments::on_ordering(UnitOfWork& unit, const ordering::contracts::Event& event) {
  namespace in = ordering::contracts;
  std::visit(Overload{
                 [&](const in::PaymentRequested& e) {
                   const auto id = e.payment_id.str();
                   append(
                       unit, id,
                       request(*load(id), {e.order_id, e.amount, e.provider, e.token, e.capture}));
                 },
                 [&](const in::CaptureRequested& e) {
                   const auto id = e.payment_id.str();
                   append(unit, id, request_capture(*load(id)));
                 },
                 [&](const in::PaymentCloseRequested& e) {
                   const auto id = e.payment_id.str();
                   const auto payment = load(id);
                   const auto currency = payment->request.amount.currency();
                   append(unit, id, close(*payment, e.order_id, e.reason, currency));
                 },
                 [&](const in::RefundRequested& e) {
                   const auto id = e.payment_id.str();
                   append(unit, id, request_refund(*load(id), e.order_id, {e.refund_id, e.amount}));
                 },
                 [&](const in::ProcessRetried& e) { store_.unpark(e.order_id, unit.now()); },
                 [](const auto&) {},
             },
             event);
}

void Payments::flush(UnitOfWork&) {
  for (const auto& [id, payment] : changed_) store_.save(id, *payment);
  changed_.clear();
  if (hot_.size() > hot_max) hot_.clear();
}

void Payments::rolled_back() noexcept {
  hot_.clear();
  changed_.clear();
}

}  // namespace stoa::payment
