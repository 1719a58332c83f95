#include "services/notification/domain/notification.hpp"

namespace stoa::notification {
namespace {

NotificationDeadLettered dead_letter(const Notification& notification) {
  return {notification.order_id, notification.event_id, notification.kind, notification.channel,
          notification.code};
}

/// Nobody's, and not in the task queue.
void give_free(Notification& notification) {
  notification.claimed_by.clear();
  notification.claimed_until = {};
  notification.handed_at.reset();
}

}  // namespace

bool claim(Notification& notification, const std::string& owner, Timestamp now, Timestamp until) {
  if (notification.status != Status::queued || notification.due_at > now ||
      notification.claimed_until > now)
    return false;
  notification.claimed_by = owner;
  notification.claimed_until = until;
  return true;
}

std::vector<StoredEvent> settle(Notification& notification, const TryResult& result, Timestamp now,
                                Duration pause, Duration give_up_after) {
  if (notification.status != Status::queued) return {};
  give_free(notification);
  ++notification.tries;
  notification.code = result.code;
  notification.detail = result.detail;
  if (!result.language.empty()) {
    notification.language = result.language;
    notification.template_revision = result.template_revision;
  }
  const bool is_late = now - notification.first_at >= give_up_after;
  if (result.outcome == TryOutcome::failed && !is_late) {
    notification.due_at = now + pause;
    return {};
  }
  notification.settled_at = now;
  if (result.outcome == TryOutcome::accepted) {
    notification.status = Status::sent;
    notification.reference = result.reference;
    return {NotificationSent{notification.order_id, notification.event_id, notification.kind,
                             notification.channel, notification.reference}};
  }
  if (result.outcome == TryOutcome::unsendable) {
    notification.status = Status::unsendable;
    return {};
  }
  notification.status = Status::dead_letter;
  return {dead_letter(notification)};
}

Result<std::vector<StoredEvent>> replay(Notification& notification, Timestamp now) {
  const bool possible =
      notification.status == Status::dead_letter || notification.status == Status::mailbox;
  if (!possible)
    return fail(ErrorKind::conflict, "not_replayable",
                "Only a dead letter, or what lies in the mailbox, can be sent again; this one is " +
                    std::string(json::name_of(notification.status)) + ".");
  notification.status = Status::queued;
  notification.first_at = notification.due_at = now;
  notification.tries = 0;
  notification.settled_at.reset();
  give_free(notification);
  return std::vector<StoredEvent>{
      NotificationReplayed{notification.order_id, notification.event_id}};
}

}  // namespace stoa::notification
