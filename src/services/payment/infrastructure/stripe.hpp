#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "kernel/http/client.hpp"
#include "services/payment/application/provider.hpp"

namespace stoa::payment {

struct StripeOptions {
  std::string secret_key;                    ///< `sk_…` or `rk_…`
  std::string base_url;                      ///< `https://api.stripe.com`
  std::chrono::milliseconds timeout{3'000};  ///< of one call
  int connections = 16;                      ///< threads, so calls at once
};

/// Stripe behind the port: one PaymentIntent a payment, found again by `metadata.stoa_payment_id`.
/// Its rules are in the README of this service.
class Stripe : public PaymentProvider {
 public:
  /// Ends its threads, each after the call at hand; calls without an answer stay without one.
  virtual void stop() = 0;
};

/// `warn` is told what a person should see, with Stripe's request id and no more of it: wrong keys,
/// refused requests, two intents for one payment. `http` outlives this.
std::unique_ptr<Stripe> make_stripe(http::Client& http, StripeOptions options,
                                    std::function<void(const std::string&)> warn);

/// The header of its webhooks' signature.
inline constexpr std::string_view stripe_signature_header = "stripe-signature";

}  // namespace stoa::payment
