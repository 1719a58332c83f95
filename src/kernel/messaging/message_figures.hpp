#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/telemetry/metrics.hpp"

namespace stoa::messaging {

/// What a process took of other services' messages, over all consumers that it has had:
/// `stoa_messages_total` by outcome, `stoa_message_lag_seconds` (from the event's commit to that of
/// its effect here), `stoa_messages_waiting` (behind what was received last, as the brokers said).
/// Thread-safe.
class MessageFigures {
 public:
  MessageFigures(telemetry::Metrics& metrics, const Clock& clock);
  MessageFigures(const MessageFigures&) = delete;

  /// Effects that have just become durable, by when their events were recorded, and messages that
  /// had none.
  void took(const std::vector<Timestamp>& recorded, std::int64_t without_effect);
  void add_repeats(std::int64_t messages) { repeated_.add(static_cast<double>(messages)); }
  void add_parked(std::int64_t messages) { parked_.add(static_cast<double>(messages)); }
  void add_gap() { passed_over_.add(); }
  void set_waiting(std::int64_t messages) { waiting_ = messages; }

  [[nodiscard]] double repeats() const { return repeated_.value(); }
  [[nodiscard]] double parked() const { return parked_.value(); }
  [[nodiscard]] double gaps() const { return passed_over_.value(); }

 private:
  const Clock& clock_;
  telemetry::Counter &taken_, &repeated_, &parked_, &passed_over_;
  telemetry::Histogram& lag_;
  std::atomic<std::int64_t> waiting_ = 0;
};

}  // namespace stoa::messaging
