#include "main/process_figures.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace stoa {
namespace {

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  in >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double open_descriptors() {
  std::error_code code;
  const std::filesystem::directory_iterator begin("/proc/self/fd", code);
  return code ? 0 : static_cast<double>(std::distance(begin, {}) - 1);  // less the one that looks
}

double bytes_of(const std::string& file) {
  std::error_code code;
  const auto size = std::filesystem::file_size(file, code);
  return code ? 0 : static_cast<double>(size);
}

}  // namespace

void add_process_figures(telemetry::Metrics& metrics, const std::string& database_file,
                         std::function<std::size_t()> connections) {
  using telemetry::label;
  const std::chrono::duration<double> started = std::chrono::system_clock::now().time_since_epoch();
  metrics.gauge("process_resident_memory_bytes", resident_bytes);
  metrics.counter("process_cpu_seconds_total", cpu_seconds);
  metrics.gauge("process_open_fds", open_descriptors);
  metrics.gauge("process_start_time_seconds", [started] { return started.count(); });
  metrics.gauge(
      "stoa_build_info", [] { return 1.0; },
      label("version", STOA_VERSION) + "," + label("compiler", __VERSION__));
  metrics.gauge("stoa_http_connections", [connections = std::move(connections)] {
    return static_cast<double>(connections());
  });
  metrics.gauge("stoa_database_bytes", [database_file] { return bytes_of(database_file); });
  metrics.gauge("stoa_wal_bytes", [file = database_file + "-wal"] { return bytes_of(file); });
}

void add_loop_figures(telemetry::Metrics& metrics, const WriteLoop& loop) {
  const auto count = [&](const char* name, std::int64_t WriteLoopFigures::* figure) {
    metrics.counter(name, [&loop, figure] { return static_cast<double>(loop.figures().*figure); });
  };
  count("stoa_commits_total", &WriteLoopFigures::commits);
  count("stoa_commands_total", &WriteLoopFigures::commands);
  count("stoa_rollbacks_total", &WriteLoopFigures::rollbacks);
  count("stoa_commands_shed_total", &WriteLoopFigures::shed);
  metrics.gauge("stoa_commands_waiting",
                [&loop] { return static_cast<double>(loop.figures().waiting); });
}

void LogHeads::add(telemetry::Metrics& metrics, const std::string& service, EventLog& log) {
  auto& head = heads_.emplace_back(log, log.head());
  metrics.gauge(
      "stoa_log_head", [&head] { return static_cast<double>(head.position.load()); },
      telemetry::label("service", service));
}

void LogHeads::read(UnitOfWork& unit) {
  std::vector<std::int64_t> positions;
  positions.reserve(heads_.size());
  for (auto& head : heads_) positions.push_back(head.log.head());
  unit.after_commit([this, positions] {
    for (std::size_t at = 0; at < positions.size(); ++at) heads_[at].position = positions[at];
  });
}

}  // namespace stoa
