#pragma once

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/payment/application/payment_queries.hpp"

namespace stoa::payment {

/// Reading only: payments are made, captured and refunded through their orders.
void add_payment_routes(http::Router& router, Readers& readers, const PaymentQueries& queries);

}  // namespace stoa::payment
