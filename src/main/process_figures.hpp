#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "kernel/telemetry/metrics.hpp"

namespace stoa {

/// Figures of the process and its files: those that every Prometheus client has
/// (`process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_open_fds`,
/// `process_start_time_seconds`), `stoa_build_info`, `stoa_http_connections`,
/// `stoa_database_bytes` and `stoa_wal_bytes`. `connections` is called from any thread.
void add_process_figures(telemetry::Metrics& metrics, const std::string& database_file,
                         std::function<std::size_t()> connections);

/// Of the writer: `stoa_commits_total`, `stoa_commands_total`, `stoa_rollbacks_total`,
/// `stoa_commands_shed_total` and `stoa_commands_waiting`. The loop outlives them.
void add_loop_figures(telemetry::Metrics& metrics, const WriteLoop& loop);

/// `stoa_log_head` by service: the durable position of its log. The writer reads them now and then;
/// who asks for figures looks at what it read last.
class LogHeads {
 public:
  /// Before the executor starts.
  void add(telemetry::Metrics& metrics, const std::string& service, EventLog& log);
  void read(UnitOfWork& unit);

 private:
  struct Head {
    EventLog& log;
    std::atomic<std::int64_t> position{0};
  };
  std::deque<Head> heads_;
};

}  // namespace stoa
