#pragma once

#include <string>
#include <variant>

#include "kernel/json/codec.hpp"

namespace stoa::notification::contracts {

/// The relay or the provider answers for the message now. `kind` is `order_confirmed` and its like,
/// `channel` is `email` or `sms`.
struct NotificationSent {
  static constexpr std::string_view type = "notification.NotificationSent.v1";
  std::string notification_id, order_id, kind, channel;
  static constexpr auto fields() {
    using namespace json;
    using N = NotificationSent;
    return std::tuple{field("notification_id", &N::notification_id),
                      field("order_id", &N::order_id), field("kind", &N::kind),
                      field("channel", &N::channel)};
  }
};

/// The message was given up: a person must look.
struct NotificationDeadLettered {
  static constexpr std::string_view type = "notification.NotificationDeadLettered.v1";
  std::string notification_id, order_id, kind, channel, code;
  static constexpr auto fields() {
    using namespace json;
    using N = NotificationDeadLettered;
    return std::tuple{field("notification_id", &N::notification_id),
                      field("order_id", &N::order_id), field("kind", &N::kind),
                      field("channel", &N::channel), field("code", &N::code)};
  }
};

using Event = std::variant<NotificationSent, NotificationDeadLettered>;

}  // namespace stoa::notification::contracts
