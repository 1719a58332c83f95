#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/messaging/consumer.hpp"
#include "kernel/messaging/relay.hpp"
#include "kernel/sql/database.hpp"

namespace stoa::messaging {

/// Work on a thread of its own until it is destroyed.
class Runner {
 public:
  virtual ~Runner() = default;
  /// There may be something to do: from any thread, cheap.
  virtual void wake() = 0;
};

struct RelayRunnerParts {
  Outlet outlet;
  std::string prefix;  ///< of the service's tables
  sql::OpenDatabase open_reader;
  std::function<std::unique_ptr<Publisher>()> make_publisher;
  /// Whether this process is the one that relays; asked before every step.
  std::function<bool()> is_leader;
  RelayRows& rows;     ///< the writer's
  Executor& executor;  ///< stores the progress
  const Crypto& crypto;
  std::function<void(const std::string&)> warn;
};

/// Relays a service's log while this process is the leader, from the progress that was stored last.
/// What it refers to outlives it, and the executor has stopped or takes work as long as it runs.
std::unique_ptr<Runner> run_relay(RelayRunnerParts parts);

/// Steps a consumer made by `make` on the thread that uses it; made anew when it throws.
std::unique_ptr<Runner> run_consumer(
    std::function<std::unique_ptr<Source>()> make_source,
    std::function<std::unique_ptr<Consumer>(Source&)> make_consumer,
    std::function<void(const std::string&)> warn);

/// What a log has gained since it was looked at last.
struct Growth {
  std::string prefix;      ///< of its tables
  bool is_first = false;   ///< the first look: what stood there is no news, and not told
  std::int64_t after = 0;  ///< the position before what is new; at the first look its head
  std::vector<std::pair<std::int64_t, std::string>> events = {};  ///< positions and streams
};

/// Looks at how far the logs of some services (their prefixes) have come, whoever wrote them, when
/// it is woken and now and then, and tells `grown` on its thread.
std::unique_ptr<Runner> follow_logs(const std::vector<std::string>& prefixes,
                                    sql::OpenDatabase open_reader,
                                    std::function<void(const Growth&)> grown,
                                    std::function<void(const std::string&)> warn);

/// Hears that somebody has written to a database. For one thread.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  /// Waits until somebody has committed; false when nobody has. Throws when it no longer hears.
  [[nodiscard]] virtual bool wait(Duration at_most) = 0;
};

/// Calls `committed` on its thread when somebody has committed, or may have unheard.
std::unique_ptr<Runner> run_listener(std::function<std::unique_ptr<CommitListener>()> open,
                                     std::function<void()> committed);

}  // namespace stoa::messaging
