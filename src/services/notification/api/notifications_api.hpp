#pragma once

#include "kernel/mediator/service_context.hpp"
#include "services/notification/application/notifications.hpp"

namespace stoa::notification {

void add_notification_routes(ServiceContext& context, Notifications& notifications,
                             const NotificationQueries& queries, OrderSource& orders,
                             const MessageWriter& writer);

}  // namespace stoa::notification
