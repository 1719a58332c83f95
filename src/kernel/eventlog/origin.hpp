#pragma once

#include <string>
#include <string_view>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"

namespace stoa {

/// The traceparent in an event's metadata; empty when it has none.
std::string traceparent_of(const RecordedEvent& event);

/// What a timer goes on with belongs to the trace that began it: the unit's cause gets the
/// traceparent of the stream's first event (none when that has none). Writer thread only.
void join_trace_of(UnitOfWork& unit, EventLog& log, std::string_view stream);

}  // namespace stoa
