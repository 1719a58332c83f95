#pragma once

#include "kernel/jobs/export.hpp"
#include "kernel/mediator/service_context.hpp"
#include "services/ordering/application/order_store.hpp"
#include "services/ordering/application/orders.hpp"

namespace stoa::ordering {

/// Declares the routes of Ordering. All arguments outlive the router. What it gives exports the
/// orders, each as its route shows it, in the order in which they were placed; it has no route yet.
jobs::ExportSourcePtr add_order_routes(ServiceContext& context, Orders& orders,
                                       const OrderQueries& queries, OfferSource& offers,
                                       std::vector<std::string> payment_providers);

}  // namespace stoa::ordering
