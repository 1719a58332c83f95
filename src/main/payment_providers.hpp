#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/sql/connection.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "main/configuration.hpp"
#include "services/payment/api/payer_action_api.hpp"
#include "services/payment/application/webhooks.hpp"
#include "services/payment/module.hpp"

namespace stoa {

/// The payment providers of this shop, as configured: the simulator always runs, for its payments
/// must end; Stripe once it has a key.
class PaymentProviders {
 public:
  virtual ~PaymentProviders() = default;
  /// Gives each call to the provider that it names.
  virtual payment::PaymentProvider& all() = 0;
  [[nodiscard]] virtual payment::WebhookSources webhook_sources() const = 0;
  /// The simulator's reports go there from now on, like those of any provider.
  virtual void deliver_to(payment::Webhooks& webhooks) = 0;
  /// Calls without an answer stay without one.
  virtual void stop() = 0;
};

/// Names that a new order may ask for. The simulator takes no money, so it is not among them beside
/// Stripe, unless `Payment:Simulator:Enabled` says so.
std::vector<std::string> accepted_providers(const Configuration& configuration);

/// `ledger` and `transactions` are the simulator's alone from here on.
std::unique_ptr<PaymentProviders> make_payment_providers(
    const Configuration& configuration, sql::Connection& ledger, sql::Transactions& transactions,
    const Clock& clock, const Crypto& crypto, const std::string& shop_secret,
    const std::function<void(const std::string&)>& warn);

/// An order's payer is who may read the order.
payment::MayPay payers_of(const Crypto& crypto, const std::string& shop_secret);

/// The counters of calls and webhooks; `payment` outlives `metrics`' use of them.
void add_payment_figures(telemetry::Metrics& metrics, payment::PaymentService& payment);

}  // namespace stoa
