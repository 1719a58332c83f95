#pragma once

#include <cstdint>
#include <memory>

#include "platform/postgres/database.hpp"

namespace stoa::postgres {

/// An advisory lock of a database, held by at most one process that lives and is connected. For one
/// thread.
class LeaderLock {
 public:
  virtual ~LeaderLock() = default;
  /// Whether this one holds it: takes it when it is free, and asks the server whether it still does
  /// some times a second, for a lock goes with its connection: so two may hold it for a moment.
  /// Does not throw: who cannot ask does not hold it.
  [[nodiscard]] virtual bool holds() noexcept = 0;
};

/// Locks of one `name` exclude each other.
std::unique_ptr<LeaderLock> make_leader_lock(Options options, std::int64_t name);

}  // namespace stoa::postgres
