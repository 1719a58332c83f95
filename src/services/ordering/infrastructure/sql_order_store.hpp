#pragma once

#include <memory>

#include "kernel/sql/connection.hpp"
#include "services/ordering/application/order_store.hpp"

namespace stoa::ordering {

std::unique_ptr<OrderStore> make_sql_order_store(sql::Connection& db);
std::unique_ptr<OrderQueries> make_sql_order_queries();
sql::Migrations migrations();

}  // namespace stoa::ordering
