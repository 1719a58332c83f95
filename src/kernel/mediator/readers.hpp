#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

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
  /// The same for a query that may see less than was committed last, but the service's log up to
  /// position `at_least`: on a replica, where there is one. A query that throws may run once more.
  [[nodiscard]] virtual bool submit_stale(std::int64_t /*at_least*/,
                                          std::function<void(Store)> query,
                                          std::function<void()> failed) {
    return submit(std::move(query), std::move(failed));
  }
  /// Whose log that is; empty where nothing is stale.
  [[nodiscard]] virtual std::string_view service() const { return {}; }
};

}  // namespace stoa
