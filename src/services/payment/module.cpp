#include "services/payment/module.hpp"

#include "services/payment/api/payments_api.hpp"
#include "services/payment/api/webhooks_api.hpp"
#include "services/payment/infrastructure/sql_payment_store.hpp"

namespace stoa::payment {
namespace {

class Module final : public PaymentService {
 public:
  Module(ServiceContext& context, Topic<contracts::Event>& own, PaymentProvider& provider,
         PaymentOptions options, WebhookSources sources, MayPay may_pay,
         std::function<void(const std::string&)> warn)
      : store_(make_sql_payment_store(context.store.db)),
        queries_(make_sql_payment_queries()),
        payments_(context.executor, context.clock, context.store.log, own, *store_, provider,
                  context.tracer, std::move(options)),
        webhooks_(context.executor, context.clock, context.crypto, payments_, std::move(sources),
                  std::move(warn)) {
    add_payment_routes(context.router, context.readers, *queries_);
    add_webhook_routes(context.router, context.readers, *queries_, webhooks_);
    add_payer_action_route(context.router, context.readers, provider, std::move(may_pay));
    context.participants.push_back(&payments_);
    context.executor.every(std::chrono::milliseconds(100),
                           [this](UnitOfWork& unit) { payments_.take_up_due(unit); });
    context.executor.every(std::chrono::minutes(1),
                           [this](UnitOfWork& unit) { payments_.forget_old_reports(unit); });
  }
  Webhooks& webhooks() override { return webhooks_; }
  [[nodiscard]] const Payments& payments() const override { return payments_; }
  Payments& writer() { return payments_; }

 private:
  std::unique_ptr<PaymentStore> store_;
  std::unique_ptr<PaymentQueries> queries_;
  Payments payments_;
  Webhooks webhooks_;
};

}  // namespace

std::unique_ptr<PaymentService> make_payment(ServiceContext& context, Topic<contracts::Event>& own,
                                             Topic<ordering::contracts::Event>& ordering,
                                             PaymentProvider& provider, PaymentOptions options,
                                             WebhookSources sources, MayPay may_pay,
                                             std::function<void(const std::string&)> warn) {
  auto module = std::make_unique<Module>(context, own, provider, std::move(options),
                                         std::move(sources), std::move(may_pay), std::move(warn));
  ordering.subscribe(module->writer());
  return module;
}

std::optional<NewEvent> published(const RecordedEvent& row) {
  const auto event = translate(decode_event<PaymentEvent>(row.type, row.data), row);
  return event ? std::optional(encode_event(*event)) : std::nullopt;
}

}  // namespace stoa::payment
