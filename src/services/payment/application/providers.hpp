#pragma once

#include <map>
#include <string>
#include <utility>

#include "services/payment/application/provider.hpp"

namespace stoa::payment {

/// Gives each call to the provider that the payment names. A provider that is no longer configured
/// leaves its calls `unknown`: its payments wait until it is configured again.
class Providers final : public PaymentProvider {
 public:
  using ByName = std::map<std::string, PaymentProvider*, std::less<>>;

  /// The providers outlive this.
  explicit Providers(ByName by_name) : by_name_(std::move(by_name)) {}

  void call(ProviderRequest request, std::function<void(ProviderAnswer)> answer) override {
    const auto at = by_name_.find(request.provider);
    if (at == by_name_.end()) return answer({Outcome::unknown, {}, "", ""});
    at->second->call(std::move(request), std::move(answer));
  }
  void payer_action(ProviderRequest request, ActionAnswer answer) override {
    const auto at = by_name_.find(request.provider);
    if (at == by_name_.end()) return answer(std::nullopt);
    at->second->payer_action(std::move(request), std::move(answer));
  }

 private:
  ByName by_name_;
};

}  // namespace stoa::payment
