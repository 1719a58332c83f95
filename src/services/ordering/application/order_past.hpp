#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/eventlog/event_log.hpp"
#include "services/ordering/domain/order.hpp"

namespace stoa::ordering {

/// A place in the history of an order: all that was recorded up to it, itself included.
struct Moment {
  std::int64_t revision = std::numeric_limits<std::int64_t>::max();
  Timestamp time = Timestamp::max();
  [[nodiscard]] bool covers(const RecordedEvent& row) const {
    return row.revision <= revision && row.recorded_at <= time;
  }
};

/// The order as it was known then: the same fold, ended early, so an event counts from when it was
/// recorded (not from `placed_at`, which may have been told later). `exists()` is false when it was
/// not there yet. Nothing when there is no such order at all.
std::optional<Order> fold_order_at(EventLog& log, std::string_view order_id, const Moment& moment);

}  // namespace stoa::ordering
