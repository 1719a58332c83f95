#pragma once

#include "kernel/mediator/service_context.hpp"
#include "services/ordering/application/order_store.hpp"
#include "services/ordering/application/orders.hpp"

namespace stoa::ordering {

/// Declares the routes of Ordering. All arguments outlive the router.
void add_order_routes(ServiceContext& context, Orders& orders, const OrderQueries& queries);

}  // namespace stoa::ordering
