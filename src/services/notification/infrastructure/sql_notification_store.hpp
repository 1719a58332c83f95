#pragma once

#include <memory>

#include "services/notification/application/notification_store.hpp"

namespace stoa::notification {

std::unique_ptr<NotificationStore> make_sql_notification_store(sql::Connection& db);
std::unique_ptr<NotificationQueries> make_sql_notification_queries();
sql::Migrations migrations();

}  // namespace stoa::notification
