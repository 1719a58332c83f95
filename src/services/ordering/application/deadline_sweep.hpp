#pragma once

#include <memory>

#include "kernel/jobs/jobs.hpp"
#include "services/ordering/application/orders.hpp"

namespace stoa::ordering {

/// The kind `deadline-sweep`: acts at once on every order whose deadline has passed. The running
/// shop does so by itself four times a second; this tells when a backlog is worked off. `orders`
/// outlives it.
std::unique_ptr<jobs::Kind> make_deadline_sweep_kind(Orders& orders);

}  // namespace stoa::ordering
