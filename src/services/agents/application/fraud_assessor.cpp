#include "services/agents/application/fraud_assessor.hpp"

namespace stoa::agents {

std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent&) {
  return contracts::Event(static_cast<const contracts::FraudAssessed&>(std::get<0>(event)));
}

void FraudAssessor::on_ordering(UnitOfWork& unit, const ordering::contracts::Event& event) {
  const auto* order = std::get_if<ordering::contracts::AssessmentRequested>(&event);
  if (order == nullptr) return;
  const auto evidence = history_.evidence(*order);
  if (!history_.remember(*order)) return;  // a repeat: it was assessed then
  auto [score, reject, reasons] = assess(evidence, reject_at_);
  FraudAssessed assessed;
  assessed.order_id = order->order_id;
  assessed.score = score;
  assessed.reject = reject;
  assessed.reasons = std::move(reasons);
  const auto appended =
      journal_.append(unit, "assessment-" + order->order_id, Expected::none, {std::move(assessed)});
  STOA_ASSERT(appended.has_value());
}

}  // namespace stoa::agents
