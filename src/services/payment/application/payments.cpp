#include "services/payment/application/payments.hpp"

#include <algorithm>

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"
#include "kernel/eventlog/origin.hpp"
#include "kernel/resilience/backoff.hpp"

namespace stoa::payment {

namespace asked = ordering::contracts;

namespace {

constexpr std::size_t hot_max = 4'096;
constexpr std::string_view stream_prefix = "payment-";

constexpr std::string_view capture_suffix = "-capture";
constexpr std::string_view void_suffix = "-void";

constexpr int taken_up_max = 500;

std::string key_of(const std::string& id, std::string_view suffix) {
  return std::string(id).append(suffix);
}

Duration pause_before(std::int64_t attempt, const std::string& key) {
  return Backoff{}.delay(attempt, std::hash<std::string>{}(key));
}

}  // namespace

std::optional<contracts::Event> translate(const PaymentEvent& event, const RecordedEvent& row) {
  namespace out = contracts;
  using Published = std::optional<contracts::Event>;
  const auto id = PaymentId::parse(std::string_view(row.stream).substr(stream_prefix.size()));
  STOA_ASSERT(id.has_value());
  return std::visit(Overload{
                        [&](const PaymentAuthorized& e) -> Published {
                          if (!e.expected) return std::nullopt;
                          return out::PaymentAuthorized{*id, e.order_id, e.amount};
                        },
                        [&](const PaymentCaptured& e) -> Published {
                          if (!e.expected)
                            return out::UnexpectedPaymentCaptured{*id, e.order_id, e.amount};
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

std::string stream_of(const std::string& payment_id) {
  return std::string(stream_prefix) + payment_id;
}

std::optional<Payment> fold_payment(EventLog& log, const std::string& id) {
  Payment payment;
  payment.id = id;
  log.read_stream(stream_of(id), 0, [&](const RecordedEvent& row) {
    evolve(payment, decode_event<PaymentEvent>(row.type, row.data));
    return true;
  });
  return payment.revision > 0 ? std::optional(std::move(payment)) : std::nullopt;
}

Payments::Payments(Executor& executor, const Clock& clock, EventLog& log,
                   Topic<contracts::Event>& topic, PaymentStore& store, PaymentProvider& provider,
                   const telemetry::Tracer& tracer, PaymentOptions options)
    : executor_(executor),
      clock_(clock),
      store_(store),
      provider_(provider),
      calls_(clock, {.deadline = options.provider_timeout}),
      tracer_(tracer),
      options_(std::move(options)),
      journal_(log, topic, translate) {}

std::shared_ptr<Payment> Payments::load(const std::string& id) {
  if (const auto at = hot_.find(id); at != hot_.end()) return at->second;
  auto found = fold_payment(journal_.log(), id);
  if (!found) found.emplace().id = id;
  auto payment = std::make_shared<Payment>(std::move(*found));
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
  const auto revision = journal_.append(unit, stream_of(id), before, events);
  STOA_ASSERT(revision && *revision == payment->revision);
  for (const auto& event : events) follow(unit, *payment, event);
  const bool is_void_due = payment->status == Status::authorized && payment->closing;
  if (!is_void_due || store_.work(key_of(id, void_suffix))) return;
  // A capture on its way is not repeated; if it lands first, the void answers so.
  store_.remove_work(key_of(id, capture_suffix));
  add_work(unit, *payment, Operation::void_payment, key_of(id, void_suffix));
}

void Payments::follow(UnitOfWork& unit, const Payment& payment, const PaymentEvent& event) {
  const auto& id = payment.id;
  std::visit(
      Overload{
          [&](const PaymentRequested&) { add_work(unit, payment, Operation::authorize, id); },
          [&](const CaptureRequested&) {
            add_work(unit, payment, Operation::capture, key_of(id, capture_suffix));
          },
          [&](const RefundRequested& e) {
            add_work(unit, payment, Operation::refund, e.refund_id);
          },
          [&](const PaymentCloseRequested&) {
            // What became of the request decides what there is to give back: ask now.
            if (const auto open = store_.work(id)) retry_at(*open, unit.now());
          },
          [&](const PaymentClosed&) { remove_all_work(payment); },
          [](const auto&) {},
      },
      event);
}

void Payments::add_work(UnitOfWork& unit, const Payment& payment, Operation operation,
                        const std::string& key) {
  Work work{payment.id, operation, key, unit.now(), answer_missed_at(unit), 0, 0, false};
  lease(work);
  if (!planted(Defect::work_forgotten)) store_.put_work(work);
  call_after_commit(unit, work, operation);
}

void Payments::remove_all_work(const Payment& payment) {
  store_.remove_work(payment.id);
  store_.remove_work(key_of(payment.id, capture_suffix));
  store_.remove_work(key_of(payment.id, void_suffix));
  for (const auto& refund : payment.pending) store_.remove_work(refund.id);
}

void Payments::call_after_commit(UnitOfWork& unit, const Work& work, Operation operation) {
  const auto payment = load(work.payment_id);
  ProviderRequest request{.operation = operation,
                          .sought = work.operation,
                          .provider = payment->request.provider,
                          .payment_id = work.payment_id,
                          .order_id = payment->request.order_id,
                          .key = work.key,
                          .amount = payment->request.amount,
                          .token = payment->request.token,
                          .capture = payment->request.capture,
                          .closing = payment->closing.has_value(),
                          .reference = payment->reference};
  if (work.operation == Operation::refund) {
    const auto* refund = payment->pending_refund(work.key);
    if (refund == nullptr) return store_.remove_work(work.key);
    request.amount = refund->amount;
  }
  if (planted(Defect::retry_without_key)) request.key += "-" + std::to_string(work.tries);
  auto cause = unit.cause();
  cause.actor = "provider";
  auto answer = [this, key = work.key, operation, cause](const ProviderAnswer& said) {
    // An answer that is lost here is asked for again when the work is due.
    static_cast<void>(executor_.submit(
        {Executor::Lane::inside,
         1,
         cause,
         [this, key, operation, said](UnitOfWork& next) { on_answer(next, key, operation, said); },
         {},
         1,
         [this, key] { store_.prefetch_work(key); }}));
  };
  const auto until = options_.owner.empty() ? Timestamp::max() : work.leased_until;
  auto call = [this, request = std::move(request), answer = std::move(answer), until,
               traceparent = cause.traceparent, begun = unit.now()] {
    slowest_commit_ = std::max(clock_.now() - begun, slowest_commit_ / 2);
    // What the line has no room for, or keeps for too long, is brought again by its row of work.
    calls_.send(
        request.key, [this, request, answer, traceparent] { send(request, traceparent, answer); },
        until);
  };
  if (planted(Defect::provider_called_before_commit)) return call();
  unit.after_commit(std::move(call));
}

void Payments::send(const ProviderRequest& request, std::string_view traceparent,
                    std::function<void(ProviderAnswer)> answer) {
  ++(request.operation == Operation::find ? finds_made_ : calls_made_);
  at_point(Point::before_provider_call);
  provider_.call(request, in_span(request, traceparent, std::move(answer)));
  at_point(Point::after_provider_call);
}

/// `answer`, and the end of a span that begins now.
std::function<void(ProviderAnswer)> Payments::in_span(
    const ProviderRequest& request, std::string_view traceparent,
    std::function<void(ProviderAnswer)> answer) const {
  auto span = tracer_.start("provider", telemetry::SpanKind::client, traceparent);
  if (!span) return answer;
  const auto operation = json::name_of(request.operation);
  span.rename("provider " + std::string(operation));
  span.set(telemetry::Attribute::operation, operation);
  span.set(telemetry::Attribute::payment_id, request.payment_id);
  // Shared, because the provider may copy what it calls.
  const auto shared = std::make_shared<telemetry::SharedSpan>(std::move(span));
  return [shared, answer = std::move(answer)](const ProviderAnswer& said) {
    shared->end(telemetry::Attribute::outcome, json::name_of(said.outcome));
    answer(said);
  };
}

void Payments::on_answer(UnitOfWork& unit, const std::string& key, Operation asked,
                         const ProviderAnswer& answer) {
  unit.after_commit([this, key] { calls_.answered(key); });
  auto open = store_.work(key);
  if (!open) return;  // settled meanwhile: by a report, or by an earlier answer
  const bool is_final = answer.outcome != Outcome::pending &&
                        answer.outcome != Outcome::not_found && answer.outcome != Outcome::unknown;
  const bool is_anothers = open->owner != options_.owner && open->leased_until > unit.now();
  // Whoever has taken it over meanwhile asks for itself.
  if (is_anothers && !is_final) return;
  if (!is_anothers) open->leased_until = {};
  if (answer.outcome == Outcome::pending) {
    // A closing payment asks as often as it may: nothing else tells when it can end.
    const auto closing = load(open->payment_id)->closing.has_value();
    retry_at(*open, unit.now() + (closing ? pause_before(2, key) : options_.report_timeout));
  } else if (planted(Defect::not_found_is_final) && answer.outcome == Outcome::not_found) {
    on_refusal(unit, *open, {Outcome::declined, {}, "", "not_found"});
  } else if (answer.outcome == Outcome::not_found && asked == Operation::find) {
    // Not final: the request may still land. With the same key it lands once.
    open->due_at = answer_missed_at(unit);
    lease(*open);
    store_.put_work(*open);
    call_after_commit(unit, *open, open->operation);
  } else {
    settle(unit, *open, answer);
  }
}

ReportOutcome Payments::on_report(UnitOfWork& unit, const std::string& provider,
                                  const ProviderReport& report) {
  const auto payment = matched(provider, report);
  const auto outcome = payment ? ReportOutcome::taken : ReportOutcome::unmatched;
  if (!store_.keep_report({provider, report.event_id, report.type, payment ? payment->id : "",
                           report.reference, outcome, unit.now()}))
    return ReportOutcome::repeated;
  if (payment) take_report(unit, *payment, report);
  return outcome;
}

/// The payment that a report is about: by its id, the provider's reference, or its order. Nothing
/// when another provider has it, or the reference or currency is not its own: a second charge for
/// one payment must be seen by a person.
std::shared_ptr<Payment> Payments::matched(const std::string& provider,
                                           const ProviderReport& report) {
  auto id = report.payment_id;
  if (id.empty()) id = store_.payment_of_reference(report.reference);
  if (id.empty() && !report.order_id.empty()) id = store_.payment_of_order(report.order_id);
  if (!PaymentId::parse(id)) return nullptr;
  auto payment = load(id);
  if (!payment->was_requested() || payment->request.provider != provider) return nullptr;
  const bool is_same = report.reference.empty() || payment->reference.empty() ||
                       report.reference == payment->reference;
  const auto currency = report.answer.amount.currency();
  const bool is_right_currency =
      currency == Currency() || currency == payment->request.amount.currency();
  if (!is_same || !is_right_currency) return nullptr;
  // A refund that was not asked for here: somebody made it at the provider.
  if (report.answer.outcome == Outcome::refunded && !payment->knows_refund(report.key))
    return nullptr;
  return payment;
}

void Payments::take_report(UnitOfWork& unit, const Payment& payment, const ProviderReport& report) {
  auto answer = report.answer;
  if (answer.outcome == Outcome::pending) {
    for (auto& work : store_.of_payment(payment.id))
      if (report.key.empty() || report.key == work.key) retry_at(std::move(work), unit.now());
    return;
  }
  // What was ended by nobody here is a no to the payment, if it still waited for one.
  if (answer.outcome == Outcome::voided && !payment.closing) answer.outcome = Outcome::declined;
  const bool is_refund = answer.outcome == Outcome::refunded;
  const auto& key = is_refund ? report.key : payment.id;
  const auto operation = is_refund ? Operation::refund : Operation::authorize;
  settle(unit, store_.work(key).value_or(Work{payment.id, operation, key, {}, {}, 0, 0, false}),
         answer);
}

void Payments::forget_old_reports(UnitOfWork& unit) {
  constexpr int forgotten_at_once_max = 500;
  store_.forget_reports(unit.now() - reports_kept, forgotten_at_once_max);
}

void Payments::settle(UnitOfWork& unit, const Work& work, const ProviderAnswer& answer) {
  const auto& id = work.payment_id;
  const auto payment = load(id);
  switch (answer.outcome) {
    case Outcome::authorized:
      store_.remove_work(work.key);
      return append(unit, id, on_authorized(*payment, answer.amount, answer.reference));
    case Outcome::captured:
      store_.remove_work(work.key);
      return append(unit, id, on_captured(*payment, answer.amount, answer.reference));
    case Outcome::voided:
      store_.remove_work(work.key);
      return append(unit, id, on_voided(*payment));
    case Outcome::refunded:
      store_.remove_work(work.key);
      return append(unit, id, on_refunded(*payment, work.key));
    case Outcome::declined:
      return on_refusal(unit, work, answer);
    case Outcome::pending:
    case Outcome::not_found:
    case Outcome::unknown:
      return;  // the work stays, and is taken up when it is due
  }
}

/// A no to a payment or a refund is final; what must be done is tried until it is parked.
void Payments::on_refusal(UnitOfWork& unit, Work work, const ProviderAnswer& answer) {
  const auto payment = load(work.payment_id);
  Events events;
  if (work.operation == Operation::authorize) {
    store_.remove_work(work.key);
    return append(unit, work.payment_id, on_declined(*payment, answer.code, ""));
  }
  if (work.operation == Operation::refund)
    events = on_refund_refused(*payment, work.key, answer.code);
  if (!events.empty()) {
    store_.remove_work(work.key);
    return append(unit, work.payment_id, events);
  }
  if (work.parked) return;
  if (planted(Defect::compensation_not_retried)) return store_.remove_work(work.key);
  ++work.refusals;
  if (work.refusals >= options_.refusals_max)
    return park(unit, work, "The provider refuses it: " + answer.code);
  const auto pause = pause_before(work.refusals - 1, work.key);
  retry_at(std::move(work), unit.now() + pause);
}

void Payments::retry_at(Work work, Timestamp due_at) {
  work.due_at = due_at;
  store_.put_work(work);
}

/// A call made once `unit` is committed has all of its time then, however slow the last commits
/// were.
Timestamp Payments::answer_missed_at(const UnitOfWork& unit) const {
  return unit.now() + slowest_commit_ + options_.provider_timeout;
}

/// The row is written with it, in the transaction that decides to call.
void Payments::lease(Work& work) const {
  if (options_.owner.empty()) return;
  work.owner = options_.owner;
  work.leased_until = work.due_at + options_.provider_timeout;
}

void Payments::take_up_due(UnitOfWork& unit) {
  unit.after_commit([this] {
    started_ = true;
    calls_.tend();
  });
  if (!started_) store_.make_all_due(unit.now(), options_.owner);
  for (auto& work : store_.due(unit.now(), options_.owner, taken_up_max)) {
    join_trace_of(unit, journal_.log(), stream_of(work.payment_id));
    take_up(unit, std::move(work));
  }
}

void Payments::take_up(UnitOfWork& unit, Work work) {
  const bool may_park = work.operation != Operation::authorize;
  if (may_park && unit.now() - work.first_at > options_.park_after)
    return park(unit, std::move(work), "The provider has not answered for long.");
  work.due_at = answer_missed_at(unit) + pause_before(work.tries, work.key);
  ++work.tries;
  lease(work);
  store_.put_work(work);
  // A missed answer is unknown, not failed: ask what became of it before sending it again. What was
  // refused is sent again at once.
  call_after_commit(unit, work, work.refusals > 0 ? work.operation : Operation::find);
}

void Payments::park(UnitOfWork& unit, Work work, const std::string& detail) {
  work.parked = true;
  store_.put_work(work);
  append(unit, work.payment_id,
         {PaymentParked{load(work.payment_id)->request.order_id,
                        std::string(json::name_of(work.operation)), detail}});
}

void Payments::resume(UnitOfWork& unit, const std::string& order_id) {
  for (auto work : store_.parked(order_id)) {
    work.parked = false;
    work.tries = work.refusals = 0;
    work.first_at = unit.now();
    retry_at(work, unit.now());
    append(unit, work.payment_id,
           {PaymentResumed{order_id, std::string(json::name_of(work.operation))}});
  }
}

void Payments::on(UnitOfWork& unit, const asked::PaymentRequested& e) {
  const auto id = e.payment_id.str();
  append(unit, id, request(*load(id), {e.order_id, e.amount, e.provider, e.token, e.capture}));
}

void Payments::prefetch(const asked::PaymentRequested& e) {
  const auto id = e.payment_id.str();
  if (!hot_.contains(id)) journal_.log().prefetch_stream(stream_of(id));
}

void Payments::on(UnitOfWork& unit, const asked::CaptureRequested& e) {
  const auto id = e.payment_id.str();
  append(unit, id, request_capture(*load(id)));
}

void Payments::on(UnitOfWork& unit, const asked::PaymentCloseRequested& e) {
  const auto id = e.payment_id.str();
  append(unit, id, close(*load(id), e.order_id, e.reason));
}

void Payments::on(UnitOfWork& unit, const asked::RefundRequested& e) {
  const auto id = e.payment_id.str();
  append(unit, id, request_refund(*load(id), e.order_id, {e.refund_id, e.amount}));
}

void Payments::on(UnitOfWork& unit, const asked::ProcessRetried& e) { resume(unit, e.order_id); }

void Payments::flush(UnitOfWork& unit) {
  for (const auto& [id, payment] : changed_) store_.save(*payment, unit.now());
  changed_.clear();
  if (hot_.size() > hot_max) hot_.clear();
}

void Payments::rolled_back() noexcept {
  hot_.clear();
  changed_.clear();
}

}  // namespace stoa::payment
