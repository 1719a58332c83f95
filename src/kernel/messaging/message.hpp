#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernel/base/clock.hpp"

namespace stoa::messaging {

/// A partition of a topic: its messages have one order.
struct Lane {
  std::string topic;
  int partition = 0;
  auto operator<=>(const Lane&) const = default;
};

/// An integration event on its way between processes: a CloudEvent 1.0, and its place in the log of
/// the service that published it.
struct Message {
  Lane lane;
  /// Of a message that is published again: the lane that carries it, in place of its own.
  std::optional<Lane> replay_lane;
  std::string key;            ///< messages of one key share a lane; the stream of the stored event
  std::string id;             ///< `stream@revision`: the same event has the same id for ever
  std::string source;         ///< the service, as in `/ordering`
  std::string type;           ///< as in `ordering.OrderPlaced.v1`
  Timestamp time;             ///< when it was recorded
  std::string traceparent;    ///< empty when not traced
  std::int64_t epoch = 1;     ///< of the publisher's log
  std::int64_t position = 0;  ///< in it
  std::int64_t previous_position = 0;  ///< of the message before in this lane; 0 for the first
  std::string data;                    ///< JSON text

  /// Where it stands, or is to stand: offsets are of this lane, positions of `lane`.
  [[nodiscard]] const Lane& carrier() const { return replay_lane ? *replay_lane : lane; }
};

}  // namespace stoa::messaging
