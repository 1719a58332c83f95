#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// How far each subscriber of a service has come, in the service's table `<prefix>checkpoint`. A
/// checkpoint is set in the transaction of the effect, so both are kept or neither is.
class Checkpoints {
 public:
  Checkpoints(sql::Connection& db, std::string_view prefix);
  static std::string schema(std::string_view prefix);

  /// 0 for a subscriber that has not begun.
  [[nodiscard]] std::int64_t of(std::string_view subscriber);
  void set(std::string_view subscriber, std::int64_t position);
  void remove(std::string_view subscriber);

 private:
  sql::Connection& db_;
  std::string find_, set_, remove_;
};

/// Carries a log to one subscriber, from its checkpoint to the head and then on with every commit.
/// Another name begins from the first event: a projection is rebuilt beside the live one by a
/// second subscription with a name and a table of its own. Writer thread only.
class Subscription {
 public:
  using Apply = std::function<void(UnitOfWork&, const std::vector<RecordedEvent>&)>;
  struct Options {
    std::string name;
    std::vector<std::string_view> types = {};  ///< as stored, all versions; empty: every event
    std::size_t slice_events_max = 500;        ///< that one slice looks at
  };

  /// `apply` gets the wanted events of a slice in order, and is not called when there are none.
  Subscription(EventLog& log, Checkpoints& checkpoints, Options options, Apply apply);

  /// One step, for WriteLoop::when_idle; true when there may be more. Reads nothing while the log
  /// stands where it stood.
  bool slice(UnitOfWork& unit);

 private:
  [[nodiscard]] bool wants(const RecordedEvent& event) const;

  EventLog& log_;
  Checkpoints& checkpoints_;
  Options options_;
  Apply apply_;
  std::int64_t seen_ = -1;  // durable checkpoint, as far as this process knows it
};

}  // namespace stoa
