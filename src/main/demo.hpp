#pragma once

#include <cstdint>
#include <string>

#include "kernel/base/result.hpp"
#include "kernel/http/router.hpp"

namespace stoa {

/// The pictures of the demonstration, drawn from a product's name: `GET /demo/pictures/{name}`.
void add_demo_pictures(http::Router& router);

/// Fills an empty shop over its own API: about 60 products in several categories with options and
/// stock, and orders in every state. `shop_not_empty` (conflict) when there are products already.
Result<void> fill_demo_shop(const std::string& host, std::uint16_t port, const std::string& key);

}  // namespace stoa
