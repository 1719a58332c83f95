#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kernel/http/client.hpp"
#include "services/payment/infrastructure/stripe.hpp"
#include "services/payment/infrastructure/stripe_wire.hpp"

namespace stoa::payment::stripe {

struct Answer {
  int status = 0;
  bool replayed = false;         ///< the result of an earlier request with the same key
  std::string original_request;  ///< the id of that request
  json::Value body;

  [[nodiscard]] bool is_good() const { return status >= 200 && status < 300; }
  /// Stripe's last word on this request: it was understood, and not done.
  [[nodiscard]] bool is_refusal() const {
    return status >= 400 && status < 500 && status != 401 && status != 403 && status != 409 &&
           status != 429;
  }
};

/// Stripe's HTTP API. Blocks; thread-safe.
class Api {
 public:
  Api(http::Client& http, const StripeOptions& options,
      const std::function<void(const std::string&)>& warn)
      : http_(http), options_(options), warn_(warn) {}

  /// Nothing when there is no usable answer, so that it is not known what became of the request.
  [[nodiscard]] std::optional<Answer> get(const std::string& path, const Form& query = {}) const;
  [[nodiscard]] std::optional<Answer> post(const std::string& path, const Form& form,
                                           const std::string& key) const;
  /// For what may be tried again after a refusal: Stripe repeats its first answer to a key for a
  /// day, whatever it was. Each key after the first is made of the refused request's id, so one
  /// refusal is followed by one request, whoever sends it. Failures (5xx) may have had their
  /// effect: they are followed in the same way only of an `Effect::once`, which Stripe itself lets
  /// happen but once, like a cancellation.
  enum class Effect { once, each_time };
  [[nodiscard]] std::optional<Answer> post_again(Effect effect, const std::string& path,
                                                 const Form& form, const std::string& key) const;

  [[nodiscard]] std::optional<Intent> retrieve(const std::string& intent_id) const;

 private:
  [[nodiscard]] std::optional<Answer> send(http::OutboundRequest request) const;
  void tell_of(const http::OutboundResponse& response, const Answer& answer) const;

  http::Client& http_;
  const StripeOptions& options_;
  const std::function<void(const std::string&)>& warn_;
};

}  // namespace stoa::payment::stripe
