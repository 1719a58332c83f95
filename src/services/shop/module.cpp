#include "services/shop/module.hpp"

namespace stoa::shop {
namespace {

class Module final : public ShopService {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, SettingsRules rules,
         InitialDeadlines initial)
      : settings_(context.store.log, own, std::move(rules)) {
    add_shop_routes(context, settings_, initial);
  }

 private:
  ShopSettings settings_;
};

}  // namespace

std::unique_ptr<ShopService> make_shop_service(ServiceContext& context,
                                               Topic<contracts::Event>& own, SettingsRules rules,
                                               InitialDeadlines initial) {
  return std::make_unique<Module>(context, own, std::move(rules), initial);
}

sql::Migrations migrations() { return {"shop_", {}}; }

std::optional<NewEvent> published(const RecordedEvent& row) {
  const auto event = translate(decode_event<StoredEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

}  // namespace stoa::shop
