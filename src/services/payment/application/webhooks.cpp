#include "services/payment/application/webhooks.hpp"

#include "services/payment/application/webhook_signature.hpp"

namespace stoa::payment {
namespace {

Error not_found() {
  return {ErrorKind::not_found, "provider_not_found", "No such provider reports to this shop."};
}

/// The same for every reason: who forges learns nothing.
Error refused() { return {ErrorKind::malformed, "webhook_refused", "This report is not taken."}; }

}  // namespace

Webhooks::Webhooks(Executor& executor, const Clock& clock, const Crypto& crypto, Payments& payments,
                   WebhookSources sources, std::function<void(const std::string&)> warn)
    : executor_(executor),
      clock_(clock),
      crypto_(crypto),
      payments_(payments),
      sources_(std::move(sources)),
      warn_(std::move(warn)) {}

Result<std::string_view> Webhooks::signature_header(std::string_view provider) const {
  const auto at = sources_.find(provider);
  if (at == sources_.end()) return fail(not_found());
  return at->second.header;
}

void Webhooks::receive(std::string_view provider, std::string_view signature, std::string_view body,
                       Cause cause, const std::function<void(Result<void>)>& done) {
  const auto at = sources_.find(provider);
  if (at == sources_.end()) return done(fail(not_found()));
  ++figures_.received;
  const auto& source = at->second;
  const bool is_signed = is_signed_webhook(crypto_, source.secrets, signature, body, clock_.now());
  auto report = is_signed ? source.read(body) : fail(refused());
  if (!report) {
    ++figures_.refused;
    return done(fail(refused()));
  }
  if (!*report) return done({});  // true, and nothing to us
  cause.actor = "provider";
  const auto shared = std::make_shared<const ProviderReport>(std::move(**report));
  execute<ReportOutcome>(
      executor_, Executor::Lane::outside, 1, std::move(cause),
      [this, shared, name = at->first](UnitOfWork& unit) -> Result<ReportOutcome> {
        return payments_.on_report(unit, name, *shared);
      },
      [this, shared, name = at->first, done](const Result<ReportOutcome>& outcome) {
        if (!outcome) return done(fail(outcome.error()));
        if (*outcome == ReportOutcome::repeated) ++figures_.repeated;
        if (*outcome == ReportOutcome::unmatched) {
          ++figures_.unmatched;
          warn_("A report of " + name + " matches no payment: " + shared->type + " " +
                shared->event_id);
        }
        done({});
      });
}

}  // namespace stoa::payment
