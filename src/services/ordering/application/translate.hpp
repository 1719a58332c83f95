#pragma once

#include <optional>

#include "kernel/eventlog/event_log.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/ordering/domain/events.hpp"

namespace stoa::ordering {

inline constexpr std::string_view stream_prefix = "order-";

/// What others may know of a stored event; from the event alone, so that a relay can do it too.
std::optional<contracts::Event> translate(const OrderEvent& event, const RecordedEvent& row);

/// What Agents judges an order by, at any time.
contracts::AssessmentRequested assessment_of(const OrderPlaced& order);

}  // namespace stoa::ordering
