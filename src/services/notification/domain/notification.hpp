#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/json/codec.hpp"

/// One notification: what happened to an order, told by one channel. The stored events are
/// versioned formats.
namespace stoa::notification {

using NotificationId = Id<"ntf">;

BOOST_DEFINE_ENUM_CLASS(Kind, order_confirmed, order_rejected, order_shipped, order_partly_shipped,
                        order_cancelled, order_refunded, return_received)
BOOST_DEFINE_ENUM_CLASS(Channel, email, sms)
/// `mailbox`: the channel is not configured, so it can be read here and goes nowhere.
/// `unsendable`: there is nobody to send it to, for the person is forgotten or has no address.
BOOST_DEFINE_ENUM_CLASS(Status, queued, sent, mailbox, dead_letter, unsendable)

/// Whether a kind of event is told by SMS too.
constexpr bool is_told_by_sms(Kind kind) {
  return kind == Kind::order_confirmed || kind == Kind::order_shipped ||
         kind == Kind::order_partly_shipped;
}

/// Holds nothing personal: what it says is made from the order when it is sent or shown.
struct Notification {
  std::string id;
  std::string event_id;  ///< `stream@revision` of what it tells: once an event and channel
  std::string order_id;
  std::string subject_id;  ///< of the fulfilment, return or refund; else empty
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  Status status = Status::queued;
  Timestamp created_at;
  Timestamp first_at;  ///< since when it is tried: its creation, or its last replay
  Timestamp due_at;    ///< of the next try, while queued
  std::int64_t tries = 0;
  std::optional<Timestamp> settled_at = {};  ///< since when the status is what it is
  std::string code = {};                     ///< of the last failure, stable: `smtp_550`
  std::string detail = {};                   ///< of the last failure, without personal data
  std::string reference = {};                ///< the provider's, or the Message-ID
  std::string language = {};                 ///< that it was written in
  std::int64_t template_revision = 0;        ///< that it was written with; 0: the built-in one
  std::string traceparent = {};  ///< of what it tells; kept in memory alone, unless it is shared
  /// While it is queued and several processes could send it: who may, and until when.
  std::string claimed_by = {};
  Timestamp claimed_until = {};
  std::optional<Timestamp> handed_at = {};  ///< to the task queue, for its next try
};

/// Carried by a channel: the relay or the provider answers for it now.
struct NotificationSent {
  static constexpr std::string_view type = "NotificationSent.v1";
  std::string order_id, event_id;
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  std::string reference;
  static constexpr auto fields() {
    using namespace json;
    using N = NotificationSent;
    return std::tuple{field("order_id", &N::order_id), field("event_id", &N::event_id),
                      field("kind", &N::kind), field("channel", &N::channel),
                      field("reference", &N::reference)};
  }
};

/// Given up: a person must look.
struct NotificationDeadLettered {
  static constexpr std::string_view type = "NotificationDeadLettered.v1";
  std::string order_id, event_id;
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  std::string code;
  static constexpr auto fields() {
    using namespace json;
    using N = NotificationDeadLettered;
    return std::tuple{field("order_id", &N::order_id), field("event_id", &N::event_id),
                      field("kind", &N::kind), field("channel", &N::channel),
                      field("code", &N::code)};
  }
};

/// A person had it tried again.
struct NotificationReplayed {
  static constexpr std::string_view type = "NotificationReplayed.v1";
  std::string order_id, event_id;
  static constexpr auto fields() {
    using namespace json;
    using N = NotificationReplayed;
    return std::tuple{field("order_id", &N::order_id), field("event_id", &N::event_id)};
  }
};

using StoredEvent = std::variant<NotificationSent, NotificationDeadLettered, NotificationReplayed>;

/// How one try ended.
BOOST_DEFINE_ENUM_CLASS(TryOutcome, accepted, refused, failed, unsendable)

struct TryResult {
  TryOutcome outcome = TryOutcome::failed;
  std::string code = {};
  std::string detail = {};
  std::string reference = {};
  std::string language = {};
  std::int64_t template_revision = 0;
};

/// What follows from a try. Pure; an empty vector: it is tried again after `pause`, or there is
/// nothing to tell. What was tried for longer than `give_up_after` is a dead letter. A result that
/// comes after the notification was settled changes nothing.
std::vector<StoredEvent> settle(Notification& notification, const TryResult& result, Timestamp now,
                                Duration pause, Duration give_up_after);

/// Lets `owner` alone send it until `until`; false when it is not due, or somebody else may.
bool claim(Notification& notification, const std::string& owner, Timestamp now, Timestamp until);

/// Has a dead letter, or what lies in the mailbox, tried again from the start; `not_replayable`
/// (conflict) for what was sent, waits or has nobody to go to.
Result<std::vector<StoredEvent>> replay(Notification& notification, Timestamp now);

}  // namespace stoa::notification
