#pragma once

#include <memory>

#include "services/agents/application/fraud_assessor.hpp"

namespace stoa::agents {

std::unique_ptr<OrderHistory> make_sql_order_history(sql::Connection& db);
sql::Migrations migrations();

}  // namespace stoa::agents
