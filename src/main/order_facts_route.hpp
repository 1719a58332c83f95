#pragma once

#include <memory>
#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/http/client.hpp"
#include "kernel/http/router.hpp"
#include "kernel/mediator/readers.hpp"
#include "services/notification/application/order_source.hpp"

namespace stoa {

/// Adds `GET /internal/order-facts?ids=…`: what messages may tell of orders, for the other
/// processes of a fleet. `readers` are Ordering's; they and `crypto` outlive the router.
void add_order_facts_route(http::Router& router, Readers& readers, const Crypto& crypto);

/// Asks such a route of the process at `url`. Work that blocks is given to `run`, which says
/// whether it takes it.
std::unique_ptr<notification::OrderSource> make_remote_order_source(
    std::string url, std::string secret_key, std::function<bool(std::function<void()>)> run);

}  // namespace stoa
