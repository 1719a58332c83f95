#pragma once

#include <memory>
#include <optional>

#include "kernel/mediator/service_context.hpp"
#include "kernel/messaging/topic.hpp"
#include "services/shop/api/shop_api.hpp"
#include "services/shop/contracts/events.hpp"
#include "services/shop/domain/settings.hpp"

namespace stoa::shop {

/// The running service; ends after the executor and the readers have stopped.
class ShopService {
 public:
  virtual ~ShopService() = default;
};

std::unique_ptr<ShopService> make_shop_service(ServiceContext& context,
                                               Topic<contracts::Event>& own, SettingsRules rules,
                                               InitialDeadlines initial);

/// None of its own: the log is all there is.
sql::Migrations migrations();

/// The integration event of a stored one as type and JSON text.
std::optional<NewEvent> published(const RecordedEvent& row);

}  // namespace stoa::shop
