#pragma once

#include <memory>

#include "kernel/sql/connection.hpp"
#include "services/payment/application/payment_queries.hpp"
#include "services/payment/application/payment_store.hpp"

namespace stoa::payment {

std::unique_ptr<PaymentStore> make_sql_payment_store(sql::Connection& db);
std::unique_ptr<PaymentQueries> make_sql_payment_queries();
sql::Migrations migrations();

}  // namespace stoa::payment
