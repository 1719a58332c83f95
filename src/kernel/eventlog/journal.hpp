#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/base/assert.hpp"
#include "kernel/eventlog/event_log.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/messaging/topic.hpp"

namespace stoa {

/// An event type: a struct with `static constexpr std::string_view type` (`OrderPlaced.v1`) and
/// `fields()`. A service's stored events are one std::variant of such structs.
template <class Variant>
NewEvent encode_event(const Variant& event) {
  return std::visit(
      [](const auto& e) { return NewEvent{std::string(e.type), json::to_stored_json(e)}; }, event);
}

/// Asserts that the type is known and the data readable: a log that cannot be read must stop us.
template <class Variant, std::size_t At = 0>
Variant decode_event(std::string_view type, std::string_view data) {
  if constexpr (At == std::variant_size_v<Variant>) {
    assertion_failed(("a known event type, not " + std::string(type)).c_str(), __FILE__, __LINE__);
  } else {
    using Event = std::variant_alternative_t<At, Variant>;
    if (type != Event::type) return decode_event<Variant, At + 1>(type, data);
    auto event = json::read_stored<Event>(data);
    if (!event) assertion_failed(event.error().detail.c_str(), __FILE__, __LINE__);
    return std::move(*event);
  }
}

/// Appends a service's typed events to its log and publishes what others may know of them in the
/// same step. Writer thread only.
template <class Stored, class Public>
class Journal {
 public:
  /// Pure: the integration event of a stored one, if it has one.
  using Translate = std::optional<Public> (*)(const Stored&, const RecordedEvent&);

  Journal(EventLog& log, Topic<Public>& topic, Translate translate)
      : log_(log), topic_(topic), translate_(translate) {}

  Result<std::int64_t> append(UnitOfWork& unit, std::string_view stream, std::int64_t expected,
                              const std::vector<Stored>& events) {
    std::vector<NewEvent> encoded;
    encoded.reserve(events.size());
    for (const auto& event : events) encoded.push_back(encode_event(event));
    std::vector<RecordedEvent> recorded;
    auto revision = log_.append(stream, expected, encoded, unit.cause(), unit.now(), &recorded);
    if (!revision) return revision;
    for (std::size_t at = 0; at < events.size(); ++at) {
      const auto& row = recorded[at];
      const auto event = translate_(events[at], row);
      if (!event) continue;
      const Delivery delivery{row.position, row.stream + "@" + std::to_string(row.revision),
                              row.recorded_at};
      topic_.publish(unit, delivery, *event);
    }
    return revision;
  }

  [[nodiscard]] EventLog& log() { return log_; }

 private:
  EventLog& log_;
  Topic<Public>& topic_;
  Translate translate_;
};

}  // namespace stoa
