#include "services/payment/module.hpp"

#include "services/payment/api/payments_api.hpp"
#include "services/payment/infrastructure/sql_payment_store.hpp"

namespace stoa::payment {
namespace {

class Module final : public PaymentService {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, PaymentProvider& provider,
         PaymentOptions options)
      : store_(make_sql_payment_store(context.store.db)),
        queries_(make_sql_payment_queries()),
        payments_(context.executor, context.clock, context.store.log, own, *store_, provider,
                  options) {
    add_payment_routes(context.router, context.readers, *queries_);
    context.participants.push_back(&payments_);
    context.executor.every(std::chrono::milliseconds(100),
                           [this](UnitOfWork& unit) { payments_.take_up_due(unit); });
  }
  Payments& payments() { return payments_; }

 private:
  std::unique_ptr<PaymentStore> store_;
  std::unique_ptr<PaymentQueries> queries_;
  Payments payments_;
};

}  // namespace

std::unique_ptr<PaymentService> make_payment(ServiceContext& context, Topic<contracts::Event>& own,
                                             Topic<ordering::contracts::Event>& ordering,
                                             PaymentProvider& provider, PaymentOptions options) {
  auto module = std::make_unique<Module>(context, own, provider, options);
  auto& payments = module->payments();
  ordering.subscribe([&payments](UnitOfWork& unit, const Delivery&, const auto& event) {
    payments.on_ordering(unit, event);
  });
  return module;
}

std::optional<NewEvent> published(const RecordedEvent& row) {
  const auto event = translate(decode_event<PaymentEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

}  // namespace stoa::payment
