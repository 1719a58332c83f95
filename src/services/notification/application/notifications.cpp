#include "services/notification/application/notifications.hpp"

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"
#include "kernel/resilience/backoff.hpp"

namespace stoa::notification {
namespace {

constexpr std::string_view stream_prefix = "notification-";
constexpr int taken_up_max = 500;
constexpr Duration pause_most = std::chrono::hours(1);

}  // namespace

std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent& row) {
  using Published = std::optional<contracts::Event>;
  const auto id = row.stream.substr(stream_prefix.size());
  const auto name = [](auto value) { return std::string(json::name_of(value)); };
  return std::visit(Overload{[&](const NotificationSent& e) -> Published {
                               return contracts::NotificationSent{id, e.order_id, name(e.kind),
                                                                  name(e.channel)};
                             },
                             [&](const NotificationDeadLettered& e) -> Published {
                               return contracts::NotificationDeadLettered{
                                   id, e.order_id, name(e.kind), name(e.channel), e.code};
                             },
                             [](const NotificationReplayed&) -> Published { return std::nullopt; }},
                    event);
}

Notifications::Notifications(Executor& executor, const Clock& clock, IdSource& ids, EventLog& log,
                             Topic<contracts::Event>& topic, NotificationStore& store,
                             OrderSource& orders, const MessageWriter& writer,
                             NotificationOptions options, Observe observe)
    : executor_(executor),
      ids_(ids),
      store_(store),
      options_(std::move(options)),
      observe_(std::move(observe)),
      journal_(log, topic, translate) {
  const auto open = [&](Channel channel, const MakeCarrier& make_carrier) {
    breakers_[channel] = 0;
    if (!make_carrier) return;
    auto report = [this](const Delivered& delivered) {
      // A result that is lost leaves the row queued: it is sent again, with the same key.
      static_cast<void>(
          executor_.submit({Executor::Lane::inside,
                            1,
                            {.actor = "carrier", .traceparent = delivered.notification.traceparent},
                            [this, delivered](UnitOfWork& unit) { on_delivered(unit, delivered); },
                            [this, channel = delivered.notification.channel,
                             id = delivered.notification.id, reached = delivered.reached](
                                const Error*) { outlets_.at(channel)->recorded(id, reached); }}));
    };
    outlets_.emplace(
        channel, std::make_unique<Outlet>(clock, orders, writer, make_carrier, std::move(report),
                                          options_.tracer, options_.run_delivery));
  };
  open(Channel::email, options_.make_mail_carrier);
  open(Channel::sms, options_.make_sms_carrier);
}

void Notifications::stop() {
  for (auto& [channel, outlet] : outlets_) outlet->stop();
}

void Notifications::on_ordering(UnitOfWork& unit, const Delivery& delivery,
                                const ordering::contracts::Event& event) {
  namespace in = ordering::contracts;
  const auto to = [&](const std::string& order_id, Kind kind, const std::string& subject_id = {},
                      bool has_phone = false) {
    tell(unit, delivery, order_id, kind, subject_id, has_phone && is_told_by_sms(kind));
  };
  std::visit(
      Overload{
          [&](const in::OrderConfirmed& e) {
            to(e.order_id, Kind::order_confirmed, {}, e.has_phone.value_or(false));
          },
          [&](const in::OrderRejected& e) { to(e.order_id, Kind::order_rejected); },
          [&](const in::OrderCancelled& e) { to(e.order_id, Kind::order_cancelled); },
          [&](const in::FulfilmentRecorded& e) {
            const auto kind =
                e.complete.value_or(true) ? Kind::order_shipped : Kind::order_partly_shipped;
            to(e.order_id, kind, e.fulfilment_id, e.has_phone.value_or(false));
          },
          [&](const in::ReturnRecorded& e) { to(e.order_id, Kind::return_received, e.return_id); },
          [](const auto&) {},
      },
      event);
}

void Notifications::on_payment(UnitOfWork& unit, const Delivery& delivery,
                               const payment::contracts::Event& event) {
  const auto* refund = std::get_if<payment::contracts::RefundCompleted>(&event);
  // What closes a payment goes back under another kind of id: the cancellation tells of it.
  if (refund == nullptr || !refund->refund_id.starts_with("ref_")) return;
  tell(unit, delivery, refund->order_id, Kind::order_refunded, refund->refund_id, false);
}

void Notifications::tell(UnitOfWork& unit, const Delivery& delivery, const std::string& order_id,
                         Kind kind, std::string subject_id, bool by_sms) {
  Notification one;
  one.id = ids_.make<NotificationId>().str();
  one.event_id = delivery.event_id;
  one.order_id = order_id;
  one.subject_id = std::move(subject_id);
  one.kind = kind;
  one.created_at = one.first_at = one.due_at = unit.now();
  one.traceparent = unit.cause().traceparent;
  add(unit, one);
  if (!by_sms) return;
  one.id = ids_.make<NotificationId>().str();
  one.channel = Channel::sms;
  add(unit, one);
}

void Notifications::add(UnitOfWork& unit, const Notification& notification) {
  const auto outlet = outlets_.find(notification.channel);
  auto one = notification;
  one.status = outlet == outlets_.end() ? Status::mailbox : Status::queued;
  if (!store_.add(one) || outlet == outlets_.end()) return;
  if (planted(Defect::mail_sent_before_commit)) return outlet->second->take(one);
  unit.after_commit([to = outlet->second.get(), one = std::move(one)] { to->take(one); });
}

void Notifications::on_delivered(UnitOfWork& unit, const Delivered& delivered) {
  auto one = store_.find(delivered.notification.id);
  if (!one || one->status != Status::queued) return;
  const Backoff backoff{options_.retry_first, pause_most};
  const auto pause = backoff.delay(one->tries, std::hash<std::string>{}(one->id));
  const auto events = settle(*one, delivered.result, unit.now(), pause, options_.give_up_after);
  store_.save(*one);
  append(unit, one->id, events);
  unit.after_commit(
      [this, channel = one->channel, status = one->status, outcome = delivered.result.outcome] {
        observe_(channel,
                 status == Status::dead_letter ? json::name_of(status) : json::name_of(outcome));
      });
}

void Notifications::take_up_due(UnitOfWork& unit) {
  unit.after_commit([this] { started_ = true; });
  if (!started_) store_.make_all_due(unit.now());
  for (auto& [channel, outlet] : outlets_) {
    auto due =
        store_.due(channel, unit.now(), planted(Defect::mail_not_taken_up) ? 0 : taken_up_max);
    unit.after_commit([this, at = channel, to = outlet.get(), due = std::move(due)] {
      for (const auto& one : due) to->take(one);
      to->tend();
      const auto state = to->breaker_state();
      breakers_[at] = state == CircuitBreaker::State::closed      ? 0
                      : state == CircuitBreaker::State::half_open ? 1
                                                                  : 2;
    });
  }
}

Result<void> Notifications::replay(UnitOfWork& unit, const std::string& id) {
  auto one = store_.find(id);
  if (!one)
    return fail(ErrorKind::not_found, "notification_not_found", "There is no such notification.");
  if (!is_configured(one->channel))
    return fail(ErrorKind::conflict, "channel_not_configured",
                "There is no way out for this channel: see Smtp and Sms in the configuration.");
  const auto events = notification::replay(*one, unit.now());
  if (!events) return fail(events.error());
  store_.save(*one);
  append(unit, id, *events);
  unit.after_commit([to = outlets_.at(one->channel).get(), again = *one] { to->take(again); });
  return {};
}

void Notifications::append(UnitOfWork& unit, const std::string& id,
                           const std::vector<StoredEvent>& events) {
  if (events.empty()) return;
  const auto appended =
      journal_.append(unit, std::string(stream_prefix) + id, Expected::any, events);
  STOA_ASSERT(appended.has_value());
}

}  // namespace stoa::notification
