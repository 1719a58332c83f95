#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "kernel/base/assert.hpp"
#include "kernel/base/result.hpp"
#include "kernel/eventlog/event_log.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/messaging/topic.hpp"

namespace stoa {

/// An event type: a struct with `static constexpr std::string_view type` (`OrderPlaced.v2`) and
/// `fields()`. A service's stored events are one std::variant of such structs. A version that
/// succeeds another names it, `using previous = OrderPlacedV1;`, and brings it up to itself by a
/// pure `static OrderPlaced upcast(previous)`: what is stored is never rewritten.
template <class Variant>
NewEvent encode_event(const Variant& event) {
  return std::visit(
      [](const auto& e) { return NewEvent{std::string(e.type), json::to_stored_json(e)}; }, event);
}

namespace detail {

template <class Event>
concept Successor = requires { typename Event::previous; };

/// Nothing when `type` is no version of the event.
template <class Event>
std::optional<Result<Event>> read_version(std::string_view type, std::string_view data) {
  if (type == Event::type) return json::read_stored<Event>(data);
  if constexpr (Successor<Event>) {
    if (auto older = read_version<typename Event::previous>(type, data)) {
      if (!*older) return fail(std::move(older->error()));
      return Event::upcast(std::move(**older));
    }
  }
  return std::nullopt;
}

}  // namespace detail

/// Calls `visit(std::type_identity<E>{})` for the event and all versions before it.
template <class Event, class Visit>
void for_each_version(Visit&& visit) {
  visit(std::type_identity<Event>{});
  if constexpr (detail::Successor<Event>) for_each_version<typename Event::previous>(visit);
}

/// Reads any version of an event as the present one.
template <class Variant, std::size_t At = 0>
Result<Variant> read_event(std::string_view type, std::string_view data) {
  if constexpr (At == std::variant_size_v<Variant>) {
    return fail(ErrorKind::internal, "unknown_event",
                "There is no event type " + std::string(type) + ".");
  } else {
    using Event = std::variant_alternative_t<At, Variant>;
    if (auto event = detail::read_version<Event>(type, data)) {
      if (!*event) return fail(std::move(event->error()));
      return Variant(std::move(**event));
    }
    return read_event<Variant, At + 1>(type, data);
  }
}

/// The same of one's own log. Asserts that the type is known and the data readable: a log that
/// cannot be read must stop us.
template <class Variant>
Variant decode_event(std::string_view type, std::string_view data) {
  auto event = read_event<Variant>(type, data);
  if (!event) assertion_failed(event.error().detail.c_str(), __FILE__, __LINE__);
  return std::move(*event);
}

/// The same for every event of the variant.
template <class Variant, std::size_t At = 0, class Visit>
void for_each_event_version(Visit&& visit) {
  if constexpr (At < std::variant_size_v<Variant>) {
    for_each_version<std::variant_alternative_t<At, Variant>>(visit);
    for_each_event_version<Variant, At + 1>(visit);
  }
}

/// The names of all versions of the variant's events, as stored.
template <class Variant>
std::vector<std::string_view> types_of() {
  std::vector<std::string_view> types;
  for_each_event_version<Variant>(
      [&]<class Event>(std::type_identity<Event>) { types.push_back(Event::type); });
  return types;
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
