#include "kernel/eventlog/origin.hpp"

#include "kernel/json/value.hpp"

namespace stoa {

std::string traceparent_of(const RecordedEvent& event) {
  const auto metadata = json::parse(event.metadata);
  const auto* object = metadata ? metadata->if_object() : nullptr;
  const auto* found = object != nullptr ? object->if_contains("traceparent") : nullptr;
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

void join_trace_of(UnitOfWork& unit, EventLog& log, std::string_view stream) {
  auto cause = unit.cause();
  cause.traceparent.clear();
  log.read_stream(stream, 0, [&](const RecordedEvent& first) {
    cause.traceparent = traceparent_of(first);
    return false;
  });
  unit.set_cause(std::move(cause));
}

}  // namespace stoa
