#include "services/notification/application/notifications.hpp"

#include <algorithm>
#include <utility>

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"
#include "kernel/resilience/backoff.hpp"

namespace stoa::notification {

namespace orders = ordering::contracts;

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
    auto report = [this](const Delivered& delivered) { record(delivered); };
    outlets_.emplace(
        channel, std::make_unique<Outlet>(clock, orders, writer, make_carrier, std::move(report),
                                          options_.tracer, options_.run_delivery));
  };
  open(Channel::email, options_.make_mail_carrier);
  open(Channel::sms, options_.make_sms_carrier);
}

void Notifications::stop() {
  for (auto& [channel, outlet] : outlets_) outlet->stop();
  if (!is_shared()) return;
  // Others need not wait for the end of the lease; behind the results, which are recorded first.
  static_cast<void>(executor_.submit(
      {.lane = Executor::Lane::inside,
       .cause = {.actor = "system", .causation = "stop"},
       .run = [this](UnitOfWork&) { store_.release_claims(options_.sharing.owner); },
       .done = {}}));
}

void Notifications::on(UnitOfWork& unit, const Delivery& delivery,
                       const orders::OrderConfirmed& e) {
  tell(unit, delivery, e.order_id, Kind::order_confirmed, {}, e.has_phone.value_or(false));
}

void Notifications::on(UnitOfWork& unit, const Delivery& delivery, const orders::OrderRejected& e) {
  tell(unit, delivery, e.order_id, Kind::order_rejected);
}

void Notifications::on(UnitOfWork& unit, const Delivery& delivery,
                       const orders::OrderCancelled& e) {
  tell(unit, delivery, e.order_id, Kind::order_cancelled);
}

void Notifications::on(UnitOfWork& unit, const Delivery& delivery,
                       const orders::FulfilmentRecorded& e) {
  const auto kind = e.complete.value_or(true) ? Kind::order_shipped : Kind::order_partly_shipped;
  tell(unit, delivery, e.order_id, kind, e.fulfilment_id, e.has_phone.value_or(false));
}

void Notifications::on(UnitOfWork& unit, const Delivery& delivery,
                       const orders::ReturnRecorded& e) {
  tell(unit, delivery, e.order_id, Kind::return_received, e.return_id);
}

void Notifications::on(UnitOfWork& unit, const Delivery& delivery,
                       const payment::contracts::RefundCompleted& e) {
  // What closes a payment goes back under another kind of id: the cancellation tells of it.
  if (!e.refund_id.starts_with("ref_")) return;
  tell(unit, delivery, e.order_id, Kind::order_refunded, e.refund_id);
}

void Notifications::tell(UnitOfWork& unit, const Delivery& delivery, const std::string& order_id,
                         Kind kind, std::string subject_id, bool has_phone) {
  Notification one;
  one.id = ids_.make<NotificationId>().str();
  one.event_id = delivery.event_id;
  one.order_id = order_id;
  one.subject_id = std::move(subject_id);
  one.kind = kind;
  one.created_at = one.first_at = one.due_at = unit.now();
  one.traceparent = unit.cause().traceparent;
  add(unit, one);
  if (!has_phone || !is_told_by_sms(kind)) return;
  one.id = ids_.make<NotificationId>().str();
  one.channel = Channel::sms;
  add(unit, one);
}

void Notifications::add(UnitOfWork& unit, const Notification& notification) {
  const auto outlet = outlets_.find(notification.channel);
  auto one = notification;
  one.status = outlet == outlets_.end() ? Status::mailbox : Status::queued;
  if (is_shared()) {
    // Whichever process claims it sends it.
    return store_.put(one);
  }
  auto row = one;
  row.traceparent.clear();
  if (!store_.add(row) || outlet == outlets_.end()) return;
  if (planted(Defect::mail_sent_before_commit)) return outlet->second->take(one);
  unit.after_commit([to = outlet->second.get(), one = std::move(one)] { to->take(one); });
}

void Notifications::record(const Delivered& delivered) {
  static_cast<void>(executor_.submit(
      {Executor::Lane::inside,
       1,
       {.actor = "carrier", .traceparent = delivered.notification.traceparent},
       [this, delivered](UnitOfWork& unit) { on_delivered(unit, delivered); },
       [this, delivered](const Error* failure) { on_recorded(delivered, failure); }}));
}

void Notifications::on_delivered(UnitOfWork& unit, const Delivered& delivered) {
  auto one = store_.find(delivered.notification.id);
  if (!one || one->status != Status::queued) return;
  // Who lost the claim and could not send it has nothing to say; what was accepted is sent.
  const bool is_ours = !is_shared() || one->claimed_by == options_.sharing.owner;
  if (!is_ours && delivered.result.outcome != TryOutcome::accepted) return;
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

void Notifications::on_recorded(const Delivered& delivered, const Error* failure) {
  const auto& id = delivered.notification.id;
  if (failure != nullptr) return unrecorded_.push_back(delivered);
  outlets_.at(delivered.notification.channel)->recorded(id, delivered.reached);
  const auto task = settles_.find(id);
  if (task == settles_.end()) return;
  task->second(messaging::TaskOutcome::done, {});
  settles_.erase(task);
}

bool Notifications::claim_now(UnitOfWork& unit, Notification& notification) {
  const auto& sharing = options_.sharing;
  const bool is_claimed =
      claim(notification, sharing.owner, unit.now(), unit.now() + sharing.lease);
  if (!is_claimed && !planted(Defect::claim_ignored)) return false;
  store_.save(notification);
  return true;
}

void Notifications::renew_claims(UnitOfWork& unit) {
  const auto& sharing = options_.sharing;
  const auto now = unit.now();
  const bool is_idle =
      std::ranges::all_of(outlets_, [](const auto& one) { return one.second->is_idle(); });
  if (is_idle || now - renewed_at_ < sharing.lease / 4) return;
  const auto until = now + sharing.lease;
  auto renewed = store_.renew_claims(sharing.owner, now, until);
  unit.after_commit([this, now, until, renewed = std::move(renewed)] {
    renewed_at_ = now;
    for (auto& [channel, outlet] : outlets_)
      for (const auto& id : renewed) outlet->renewed(id, until);
  });
}

void Notifications::take_up_due(UnitOfWork& unit) {
  unit.after_commit([this] { started_ = true; });
  if (!started_) {
    store_.make_all_due(unit.now());
    // What this process had claimed before it ended is not being sent by anybody.
    if (is_shared()) store_.release_claims_before(options_.sharing.owner);
  }
  if (is_shared()) renew_claims(unit);
  for (auto& [channel, outlet] : outlets_) {
    std::vector<Notification> due;
    if (!options_.sharing.by_tasks && !planted(Defect::mail_not_taken_up))
      due = store_.due(channel, unit.now(),
                       is_shared() ? static_cast<int>(outlet->room()) : taken_up_max);
    if (is_shared()) std::erase_if(due, [&](Notification& one) { return !claim_now(unit, one); });
    unit.after_commit([this, at = channel, to = outlet.get(), due = std::move(due)] {
      for (const auto& one : due) to->take(one);
      to->tend();
      const auto state = to->breaker_state();
      breakers_[at] = state == CircuitBreaker::State::closed      ? 0
                      : state == CircuitBreaker::State::half_open ? 1
                                                                  : 2;
    });
  }
  unit.after_commit([this] {
    for (const auto& delivered : std::exchange(unrecorded_, {})) record(delivered);
  });
}

void Notifications::take_task(const messaging::ReceivedTask& received,
                              const messaging::Settle& settle) {
  using messaging::TaskOutcome;
  struct Claimed {
    std::optional<Notification> notification = {};
    TaskOutcome otherwise = TaskOutcome::done;
  };
  const auto claimed = std::make_shared<Claimed>();
  const auto run = [this, claimed, id = received.task.id](UnitOfWork& unit) {
    *claimed = {};
    auto one = store_.find(id);
    // What is not due comes again in a task of its own, when it is.
    if (!one || one->status != Status::queued || one->due_at > unit.now()) return;
    if (outlets_.contains(one->channel) && claim_now(unit, *one))
      claimed->notification = std::move(one);
    else
      claimed->otherwise = TaskOutcome::again;  // for who has it may die of it
  };
  const auto done = [this, claimed, settle](const Error* failure) {
    if (failure != nullptr) return settle(TaskOutcome::again, {});
    const auto& one = claimed->notification;
    if (!one) return settle(claimed->otherwise, {});
    if (settles_.try_emplace(one->id, settle).second)
      outlets_.at(one->channel)->take(*one);
    else
      settle(TaskOutcome::done, {});
  };
  if (!executor_.submit({Executor::Lane::inside,
                         1,
                         {.actor = "system",
                          .causation = "task",
                          .correlation = {},
                          .traceparent = received.task.traceparent},
                         run,
                         done}))
    settle(TaskOutcome::again, {});
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
  if (is_shared()) return {};
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
