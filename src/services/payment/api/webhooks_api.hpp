#pragma once

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/payment/application/payment_queries.hpp"
#include "services/payment/application/webhooks.hpp"

namespace stoa::payment {

/// Where providers report, and what they reported. All arguments outlive the router.
void add_webhook_routes(http::Router& router, Readers& readers, const PaymentQueries& queries,
                        Webhooks& webhooks);

}  // namespace stoa::payment
