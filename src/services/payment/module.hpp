#pragma once

#include <memory>
#include <optional>

#include "kernel/mediator/service_context.hpp"
#include "kernel/messaging/topic.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/payment/api/payer_action_api.hpp"
#include "services/payment/application/payments.hpp"
#include "services/payment/application/webhooks.hpp"
#include "services/payment/contracts/events.hpp"

namespace stoa::payment {

/// The running service; ends after the executor and the provider have stopped.
class PaymentService {
 public:
  virtual ~PaymentService() = default;
  virtual Webhooks& webhooks() = 0;
  [[nodiscard]] virtual const Payments& payments() const = 0;
};

std::unique_ptr<PaymentService> make_payment(ServiceContext& context, Topic<contracts::Event>& own,
                                             Topic<ordering::contracts::Event>& ordering,
                                             PaymentProvider& provider, PaymentOptions options,
                                             WebhookSources sources, MayPay may_pay,
                                             std::function<void(const std::string&)> warn);

sql::Migrations migrations();

/// The integration event of a stored one as type and JSON text, if it has one.
std::optional<NewEvent> published(const RecordedEvent& row);

}  // namespace stoa::payment
