#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/result.hpp"
#include "kernel/mediator/executor.hpp"
#include "services/payment/application/payments.hpp"

namespace stoa::payment {

/// How a provider's webhooks are signed and read.
struct WebhookSource {
  std::string header;                ///< of the signature, in lower case
  std::vector<std::string> secrets;  ///< several while one is being rotated; not empty
  /// Of a body whose signature is good: a report, nothing for events that do not concern us, or
  /// `malformed_event`.
  std::function<Result<std::optional<ProviderReport>>(std::string_view body)> read;
};
using WebhookSources = std::map<std::string, WebhookSource, std::less<>>;  ///< by provider

/// Since the start; `received` counts them all.
struct WebhookFigures {
  std::atomic<std::int64_t> received = 0, refused = 0, repeated = 0, unmatched = 0;
};

/// Takes what providers report by themselves. A report is decided by the payment's own stream, so
/// it cannot win against what is known already. Thread-safe.
class Webhooks {
 public:
  /// `warn` is told of reports that match no payment: money that nobody here knows of.
  Webhooks(Executor& executor, const Clock& clock, const Crypto& crypto, Payments& payments,
           WebhookSources sources, std::function<void(const std::string&)> warn);

  /// The name of the header with the signature; `provider_not_found` when the provider is unknown
  /// or has no secrets.
  [[nodiscard]] Result<std::string_view> signature_header(std::string_view provider) const;
  /// `done` is called once: without an error when the effect is durable, or was before. Codes:
  /// `provider_not_found`, `webhook_refused` (malformed: it does not say why), `overloaded`.
  void receive(std::string_view provider, std::string_view signature, std::string_view body,
               Cause cause, const std::function<void(Result<void>)>& done);
  [[nodiscard]] const WebhookFigures& figures() const { return figures_; }

 private:
  Executor& executor_;
  const Clock& clock_;
  const Crypto& crypto_;
  Payments& payments_;
  const WebhookSources sources_;
  std::function<void(const std::string&)> warn_;
  WebhookFigures figures_;
};

}  // namespace stoa::payment
