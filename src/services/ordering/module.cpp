#include "services/ordering/module.hpp"

#include "services/ordering/api/order_assessment.hpp"
#include "services/ordering/api/order_stream.hpp"
#include "services/ordering/api/orders_api.hpp"
#include "services/ordering/application/deadline_sweep.hpp"
#include "services/ordering/application/order_facts.hpp"
#include "services/ordering/application/orders.hpp"
#include "services/ordering/infrastructure/sql_order_store.hpp"
#include "services/ordering/infrastructure/sql_shop_store.hpp"

namespace stoa::ordering {
namespace {

class Module final : public Ordering {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, OfferSource& offers,
         AssessmentSource& assessments, const TimeZones& zones, Deadlines deadlines,
         std::vector<std::string> payment_providers)
      : store_(make_sql_order_store(context.store.db)),
        queries_(make_sql_order_queries()),
        idempotency_(context.store.db, "ordering_"),
        number_store_(make_sql_number_store(context.store.db)),
        shop_store_(make_sql_shop_store(context.store.db)),
        numbers_(*number_store_),
        shop_(*shop_store_, zones),
        orders_(context.store.log, own, *store_, idempotency_, context.crypto, context.news,
                deadlines, shop_, numbers_) {
    context.participants.push_back(&orders_);
    order_export_ =
        add_order_routes(context, orders_, *queries_, offers, std::move(payment_providers));
    add_order_assessment(context, assessments);
    add_order_stream(context);
    context.executor.every(std::chrono::milliseconds(250),
                           [this](UnitOfWork& unit) { orders_.act_on_deadlines(unit); });
    context.executor.every(std::chrono::milliseconds(50),
                           [this](UnitOfWork& unit) { orders_.tend_waits(unit); });
    context.executor.every(Idempotency::sweep_interval,
                           [this](UnitOfWork& unit) { idempotency_.forget_old(unit.now()); });
  }

  Orders& orders() { return orders_; }
  [[nodiscard]] jobs::ExportSourcePtr order_export() const override { return order_export_; }
  std::unique_ptr<jobs::Kind> deadline_sweep() override {
    return make_deadline_sweep_kind(orders_);
  }

 private:
  std::unique_ptr<OrderStore> store_;
  std::unique_ptr<OrderQueries> queries_;
  Idempotency idempotency_;
  std::unique_ptr<NumberStore> number_store_;
  std::unique_ptr<ShopStore> shop_store_;
  OrderNumbers numbers_;
  ShopCopy shop_;
  Orders orders_;
  jobs::ExportSourcePtr order_export_;
};

}  // namespace

std::unique_ptr<Ordering> make_ordering(ServiceContext& context, Topic<contracts::Event>& own,
                                        Topic<catalog::contracts::Event>& catalog,
                                        Topic<payment::contracts::Event>& payment,
                                        Topic<agents::contracts::Event>& agents,
                                        Topic<shop::contracts::Event>& shop, OfferSource& offers,
                                        AssessmentSource& assessments, const TimeZones& zones,
                                        Deadlines deadlines,
                                        std::vector<std::string> payment_providers) {
  auto module = std::make_unique<Module>(context, own, offers, assessments, zones, deadlines,
                                         std::move(payment_providers));
  auto& orders = module->orders();
  catalog.subscribe(orders);
  payment.subscribe(orders);
  agents.subscribe(orders);
  shop.subscribe(orders);
  return module;
}

std::string number_pattern_fault(const std::string& prefix, const std::string& pattern) {
  const auto parsed = OrderNumberPattern::parse(prefix, pattern);
  return parsed ? std::string() : parsed.error().detail;
}

std::optional<contracts::OrderFacts> order_facts(Store store, const Crypto& crypto,
                                                 std::string_view order_id) {
  const auto order = fold_order(store.log, order_id);
  if (!order) return std::nullopt;
  const auto queries = make_sql_order_queries();
  return facts_of(*order, unseal(store, *order, *queries, crypto));
}

std::optional<NewEvent> published(const RecordedEvent& row) {
  const auto event = translate(decode_event<OrderEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

}  // namespace stoa::ordering
