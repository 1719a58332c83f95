#include "kernel/eventlog/origin.hpp"

#include "kernel/json/value.hpp"

namespace stoa {

void join_trace_of(UnitOfWork& unit, EventLog& log, std::string_view stream) {
  auto cause = unit.cause();
  cause.traceparent.clear();
  log.read_stream(stream, 0, [&](const RecordedEvent& first) {
    const auto metadata = json::parse(first.metadata);
    const auto* object = metadata ? metadata->if_object() : nullptr;
    const auto* found = object != nullptr ? object->if_contains("traceparent") : nullptr;
    if (found != nullptr && found->is_string()) cause.traceparent = found->as_string();
    return false;
  });
  unit.set_cause(std::move(cause));
}

}  // namespace stoa
