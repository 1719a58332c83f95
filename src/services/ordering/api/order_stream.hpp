#pragma once

#include "kernel/mediator/service_context.hpp"

namespace stoa::ordering {

/// Adds `GET /v1/orders/{id}/stream`: the steps of an order as server-sent events.
void add_order_stream(ServiceContext& context);

}  // namespace stoa::ordering
