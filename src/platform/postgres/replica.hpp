#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "platform/postgres/database.hpp"

namespace stoa::postgres {

struct ReplicaOptions {
  Options primary;
  std::string conninfo;  ///< of the standby
  std::chrono::milliseconds lag_max{5'000};
  std::function<void(const std::string&)> warn;  ///< once when it is given up, once when it is back
};

/// A standby that replays the primary's log (hot standby), for queries that may see less than was
/// committed last. It is looked at four times a second. Thread-safe.
class Replica {
 public:
  /// Of the standby, for anything: a query that it keeps waiting is the primary's.
  static constexpr std::chrono::milliseconds answer_timeout{1'000};

  virtual ~Replica() = default;
  /// Whether it answers, is a standby of that primary, and is not further behind than it may be.
  [[nodiscard]] virtual bool is_well() const = 0;
  /// What was committed so long before the last look is there, a quarter of a second more or less.
  [[nodiscard]] virtual double lag_seconds() const = 0;
  /// For one thread. A transaction throws sql::Failure when it begins, without asking the standby
  /// while that is not well. Gone before this.
  [[nodiscard]] virtual std::unique_ptr<sql::Database> open() = 0;
};

std::unique_ptr<Replica> watch_replica(ReplicaOptions options);

}  // namespace stoa::postgres
