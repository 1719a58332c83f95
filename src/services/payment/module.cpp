#include "services/payment/module.hpp"

#include "services/payment/infrastructure/sql_payment_store.hpp"

namespace stoa::payment {
namespace {

class Module final : public PaymentService {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, PaymentProvider& provider,
         PaymentOptions options)
      : store_(make_sql_payment_store(context.store.db)),
        payments_(context.executor, context.store.log, own, *store_, provider, options) {
    context.participants.push_back(&payments_);
    context.executor.every(std::chrono::milliseconds(100),
                           [this](UnitOfWork& unit) { payments_.take_up_due(unit); });
  }
  Payments& payments() { return payments_; }

 private:
  std::unique_ptr<PaymentStore> store_;
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
