#pragma once

#include <memory>

#include "kernel/sql/connection.hpp"
#include "services/ordering/application/order_numbers.hpp"
#include "services/ordering/application/shop_copy.hpp"

namespace stoa::ordering {

/// Tables of what the shop's settings ask of Ordering.
std::string_view shop_schema();

/// The plain number that reads like the text; 0, which no order has, when there is none.
std::int64_t plain_number_of(std::string_view text);

std::unique_ptr<NumberStore> make_sql_number_store(sql::Connection& db);
std::unique_ptr<ShopStore> make_sql_shop_store(sql::Connection& db);

}  // namespace stoa::ordering
