#pragma once

#include "kernel/mediator/service_context.hpp"
#include "services/notification/application/notification_store.hpp"
#include "services/notification/application/writing.hpp"

namespace stoa::notification {

/// `book` holds what `store` holds once a change is durable.
void add_template_routes(ServiceContext& context, NotificationStore& store,
                         const NotificationQueries& queries, TemplateBook& book,
                         OrderSource& orders, const MessageWriter& writer);

}  // namespace stoa::notification
