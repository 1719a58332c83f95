#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/result.hpp"

namespace stoa {

/// Who and what caused an event; stored as its metadata.
struct Cause {
  std::string actor = {};        ///< `secret`, `publishable`, `system`, a provider, …
  std::string causation = {};    ///< id of the event or request that led here
  std::string correlation = {};  ///< id of the request at the edge that began it all
  std::string traceparent = {};  ///< W3C trace context, empty when not traced
};

struct NewEvent {
  std::string type;  ///< as stored, `OrderPlaced.v1`
  std::string data;  ///< JSON text
};

struct RecordedEvent {
  std::int64_t position = 0;  ///< from 1, without gaps, in commit order
  std::string stream;
  std::int64_t revision = 0;  ///< from 1 in its stream, without gaps
  std::string type;
  std::string data;
  std::string metadata;   ///< JSON text of a Cause
  Timestamp recorded_at;  ///< never falls along positions
};

/// What the writer believes about a stream.
struct Expected {
  static constexpr std::int64_t any = -1;
  static constexpr std::int64_t exists = -2;
  static constexpr std::int64_t none = 0;
  /// None, as the writer knows: the name is a new id, or it has looked within this transaction. It
  /// is not looked for again; if the stream is there nevertheless, the transaction fails.
  static constexpr std::int64_t fresh = -3;
};

/// A service's append-only log: event store, outbox and audit trail. Reading needs no transaction
/// of the caller; appending happens on the writer's thread inside its transaction. Throws
/// sql::Failure.
class EventLog {
 public:
  virtual ~EventLog() = default;

  /// Appends all events or none and gives the stream's new revision. `expected` is the revision
  /// that the stream must have, or one of Expected; `wrong_revision` (conflict) otherwise. Rows
  /// become visible to `read_*` of the same connection at once. Fills `recorded` when given.
  virtual Result<std::int64_t> append(std::string_view stream, std::int64_t expected,
                                      const std::vector<NewEvent>& events, const Cause& cause,
                                      Timestamp now,
                                      std::vector<RecordedEvent>* recorded = nullptr) = 0;

  /// Says that `read_stream` from the front, or `append` with Expected::none, will be asked of a
  /// stream in this transaction: see sql::Connection::prefetch.
  virtual void prefetch_stream(std::string_view) {}
  virtual void prefetch_revision(std::string_view) {}

  using Each = std::function<bool(const RecordedEvent&)>;  ///< false ends the reading
  /// Revisions above `after`, in order.
  virtual void read_stream(std::string_view stream, std::int64_t after, const Each& each) = 0;
  virtual void read_stream_backwards(std::string_view stream, const Each& each) = 0;
  /// Positions above `after`, in order.
  virtual void read_all(std::int64_t after, const Each& each) = 0;
  virtual void read_all_backwards(const Each& each) = 0;
  /// Position of the newest event, 0 for an empty log.
  virtual std::int64_t head() = 0;
  /// Position of the newest event that this object made durable, 0 before the first. From any
  /// thread, without asking the database.
  [[nodiscard]] virtual std::int64_t durable_head() const = 0;
};

}  // namespace stoa
