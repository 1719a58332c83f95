#pragma once

#include <functional>

#include "kernel/http/router.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/ordering/application/order_past.hpp"

namespace stoa::ordering {

/// The moment that a parameter of the query names, an RFC 3339 time or a revision; what is known
/// now when it is absent. Faults go into the query.
Moment moment_of(http::Query& query, std::string_view name);

/// `GET /v1/orders/{id}/diff`. `shown`: an order as its API shows it, as JSON text.
void add_order_diff(http::Router& router, Readers& readers,
                    std::function<std::string(Store, const Order&)> shown);

}  // namespace stoa::ordering
