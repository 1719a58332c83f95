#pragma once

#include <functional>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// What a service's queries and commands see of the shop's store: its own tables and its own log.
struct Store {
  sql::Connection& db;
  EventLog& log;
};

/// Runs a service's queries on reader threads, each in one read transaction of at most 100 ms by
/// design. Thread-safe.
class Readers {
 public:
  virtual ~Readers() = default;
  /// False when too many wait; then nothing runs. `failed` is called on the reader's thread when
  /// `query` threw, or when the store could not be read at all.
  [[nodiscard]] virtual bool submit(std::function<void(Store)> query,
                                    std::function<void()> failed) = 0;
};

}  // namespace stoa
