#pragma once

#include <functional>

#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/payment/application/provider.hpp"

namespace stoa::payment {

/// Whether who asks may act for the payer of an order; an error otherwise.
using MayPay =
    std::function<Result<void>(const http::Request& request, const std::string& order_id)>;

/// What a payment waits for from its payer. All arguments outlive the router.
void add_payer_action_route(http::Router& router, Readers& readers, PaymentProvider& provider,
                            MayPay may_pay);

}  // namespace stoa::payment
