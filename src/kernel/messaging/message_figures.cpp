#include "kernel/messaging/message_figures.hpp"

#include <chrono>

namespace stoa::messaging {
namespace {

telemetry::Counter& of_outcome(telemetry::Metrics& metrics, std::string_view outcome) {
  return metrics.counter_of("stoa_messages_total", telemetry::label("outcome", outcome));
}

telemetry::Histogram& lag_of(telemetry::Metrics& metrics) {
  constexpr auto name = "stoa_message_lag_seconds";
  metrics.buckets(name, {0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1, 5, 30,
                         300, 3'600});
  return metrics.histogram_of(name, "");
}

}  // namespace

MessageFigures::MessageFigures(telemetry::Metrics& metrics, const Clock& clock)
    : clock_(clock),
      taken_(of_outcome(metrics, "taken")),
      repeated_(of_outcome(metrics, "repeated")),
      parked_(of_outcome(metrics, "parked")),
      passed_over_(of_outcome(metrics, "passed_over")),
      lag_(lag_of(metrics)) {
  metrics.gauge("stoa_messages_waiting", [this] { return static_cast<double>(waiting_.load()); });
}

void MessageFigures::took(const std::vector<Timestamp>& recorded, std::int64_t without_effect) {
  const auto now = clock_.now();
  for (const auto at : recorded) lag_.observe(std::chrono::duration<double>(now - at).count());
  taken_.add(static_cast<double>(recorded.size()) + static_cast<double>(without_effect));
}

}  // namespace stoa::messaging
