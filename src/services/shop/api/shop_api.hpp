#pragma once

#include "kernel/mediator/service_context.hpp"
#include "services/shop/application/shop_settings.hpp"

namespace stoa::shop {

/// What holds where the merchant has set nothing, in seconds.
struct InitialDeadlines {
  std::int64_t payment_seconds = 900;
  std::int64_t capture_seconds = 604'800;
};

/// `context` and `settings` outlive the routes.
void add_shop_routes(ServiceContext& context, ShopSettings& settings, InitialDeadlines initial);

}  // namespace stoa::shop
