#include "services/agents/application/fraud_assessor.hpp"

namespace stoa::agents {

std::string stream_of(const std::string& order_id) { return "assessment-" + order_id; }

std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent&) {
  return contracts::Event(static_cast<const contracts::FraudAssessed&>(std::get<0>(event)));
}

contracts::FraudAssessed assess_anew(OrderHistory& history,
                                     const ordering::contracts::AssessmentRequested& order,
                                     std::int64_t reject_at) {
  auto [score, reject, reasons] =
      assess(history.evidence(order, order.placed_at + std::chrono::hours(1)), reject_at);
  return {order.order_id, score, reject, std::move(reasons)};
}

void FraudAssessor::prefetch(const ordering::contracts::AssessmentRequested& order) {
  history_.prefetch(order, order.placed_at);
  journal_.log().prefetch_revision(stream_of(order.order_id));
}

void FraudAssessor::on(UnitOfWork& unit, const ordering::contracts::AssessmentRequested& order) {
  auto [score, reject, reasons] = assess(history_.evidence(order, order.placed_at), reject_at_);
  FraudAssessed assessed;
  assessed.order_id = order.order_id;
  assessed.score = score;
  assessed.reject = reject;
  assessed.reasons = std::move(reasons);
  const auto appended =
      journal_.append(unit, stream_of(order.order_id), Expected::none, {std::move(assessed)});
  // Of a repeat the log knows that it was assessed.
  STOA_ASSERT(appended || appended.error().kind == ErrorKind::conflict);
  if (appended) history_.remember(order);
}

std::string FraudAssessor::oldest_kept(Timestamp now) {
  const auto since_ms = to_unix_milliseconds(now - std::chrono::days(90));
  Uuid uuid{};  // the first 48 bits of a UUIDv7 are its milliseconds
  for (std::size_t at = 0; at < 6; ++at)
    uuid[at] = static_cast<std::uint8_t>(since_ms >> (8 * (5 - at)));
  return ordering::OrderId(uuid).str();
}

}  // namespace stoa::agents
