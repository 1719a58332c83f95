#include "main/payment_providers.hpp"

#include "kernel/base/text.hpp"
#include "platform/curl/http_client.hpp"
#include "services/ordering/api/order_access.hpp"
#include "services/payment/application/providers.hpp"
#include "services/payment/infrastructure/simulator.hpp"
#include "services/payment/infrastructure/stripe.hpp"
#include "services/payment/infrastructure/stripe_wire.hpp"

namespace stoa {
namespace {

using payment::WebhookSource;

class Configured final : public PaymentProviders {
 public:
  Configured(const Configuration& configuration, sql::Connection& ledger,
             sql::Transactions& transactions, const Clock& clock, const Crypto& crypto,
             const std::string& shop_secret, const std::function<void(const std::string&)>& warn)
      : simulator_secrets_(configuration.list("Payment:Simulator:WebhookSecrets")),
        stripe_secrets_(configuration.list("Payment:Stripe:WebhookSecrets")) {
    // Its own, of this data folder: the others are for people who play the provider.
    simulator_secrets_.push_back(to_hex(crypto.hmac_sha256(shop_secret, "simulator webhooks")));
    simulator_ = payment::make_simulator(ledger, transactions, clock, crypto,
                                         simulator_secrets_.back(), warn);
    payment::Providers::ByName by_name{{"simulator", simulator_.get()}};
    if (const auto& key = configuration.text("Payment:Stripe:SecretKey"); !key.empty()) {
      payment::StripeOptions options;
      options.secret_key = key;
      options.base_url = configuration.text("Payment:Stripe:BaseUrl");
      options.timeout =
          std::chrono::milliseconds(configuration.integer("Payment:ProviderTimeoutMs"));
      options.connections = static_cast<int>(configuration.integer("Payment:Stripe:Connections"));
      http_ = curl::make_http_client({.ca_file = configuration.text("Payment:Stripe:CaFile"),
                                      .idle_max = static_cast<std::size_t>(options.connections)});
      stripe_ = payment::make_stripe(*http_, std::move(options), warn);
      by_name.emplace("stripe", stripe_.get());
    }
    all_ = std::make_unique<payment::Providers>(std::move(by_name));
  }

  payment::PaymentProvider& all() override { return *all_; }

  [[nodiscard]] payment::WebhookSources webhook_sources() const override {
    payment::WebhookSources sources;
    sources.emplace("simulator",
                    WebhookSource{std::string(payment::simulator_signature_header),
                                  simulator_secrets_, payment::read_simulator_webhook});
    if (stripe_ && !stripe_secrets_.empty())
      sources.emplace("stripe", WebhookSource{std::string(payment::stripe_signature_header),
                                              stripe_secrets_, payment::stripe::read_webhook});
    return sources;
  }

  void deliver_to(payment::Webhooks& webhooks) override {
    simulator_->deliver_to([&webhooks](const std::string& signature, const std::string& body,
                                       const std::function<void(bool)>& taken) {
      webhooks.receive("simulator", signature, body, {}, [taken](const Result<void>& done) {
        // A refusal is final: sent again it would be refused again.
        taken(done.has_value() || !done.error().retryable());
      });
    });
  }

  void stop() override {
    if (stripe_) stripe_->stop();
    simulator_->stop();
  }

 private:
  std::vector<std::string> simulator_secrets_;
  std::vector<std::string> stripe_secrets_;
  std::unique_ptr<payment::Simulator> simulator_;
  std::unique_ptr<http::Client> http_;
  std::unique_ptr<payment::Stripe> stripe_;
  std::unique_ptr<payment::Providers> all_;
};

}  // namespace

std::unique_ptr<PaymentProviders> make_payment_providers(
    const Configuration& configuration, sql::Connection& ledger, sql::Transactions& transactions,
    const Clock& clock, const Crypto& crypto, const std::string& shop_secret,
    const std::function<void(const std::string&)>& warn) {
  return std::make_unique<Configured>(configuration, ledger, transactions, clock, crypto,
                                      shop_secret, warn);
}

payment::MayPay payers_of(const Crypto& crypto, const std::string& shop_secret) {
  return [access = ordering::OrderAccess(crypto, shop_secret)](const http::Request& request,
                                                               const std::string& order_id) {
    return access.may_read(request, order_id);
  };
}

std::vector<std::string> accepted_providers(const Configuration& configuration) {
  const auto& simulator = configuration.text("Payment:Simulator:Enabled");
  const bool has_stripe = !configuration.text("Payment:Stripe:SecretKey").empty();
  std::vector<std::string> names;
  if (simulator == "true" || (simulator == "auto" && !has_stripe)) names.emplace_back("simulator");
  if (has_stripe) names.emplace_back("stripe");
  return names;
}

void add_payment_figures(telemetry::Metrics& metrics, payment::PaymentService& payment) {
  const auto& payments = payment.payments();
  metrics.counter("stoa_payment_provider_calls_total",
                  [&payments] { return static_cast<double>(payments.calls()); });
  metrics.counter("stoa_payment_provider_finds_total",
                  [&payments] { return static_cast<double>(payments.finds()); });
  const auto& figures = payment.webhooks().figures();
  const auto add = [&](const char* name, const std::atomic<std::int64_t>& count) {
    metrics.counter(name, [&count] { return static_cast<double>(count.load()); });
  };
  add("stoa_payment_webhooks_total", figures.received);
  add("stoa_payment_webhooks_refused_total", figures.refused);
  add("stoa_payment_webhooks_repeated_total", figures.repeated);
  add("stoa_payment_webhooks_unmatched_total", figures.unmatched);
}

}  // namespace stoa
