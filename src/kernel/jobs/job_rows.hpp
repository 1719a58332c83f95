#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/jobs/job.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa::jobs {

struct JobFilter {
  std::optional<JobState> state;
  std::optional<std::string> kind;
  std::optional<JobId> before;  ///< made before this one
  std::int64_t limit = 50;
};

/// The table `jobs_job` over one connection, and no longer than it. Throws sql::Failure.
class JobRows {
 public:
  explicit JobRows(sql::Connection& db) : db_(db) {}

  void insert(const Job& job);
  void update(const Job& job);
  void remove(JobId id);
  std::optional<Job> find(JobId id);
  /// The newest first.
  std::vector<Job> list(const JobFilter& filter);
  /// Queued or running.
  std::int64_t count_open();
  bool is_open(std::string_view kind, bool scheduled);
  /// The queued job whose time comes first.
  std::optional<Job> first_queued();
  /// What a process that is gone was doing waits again.
  void requeue_running();
  std::vector<Job> ended_before(Timestamp time, std::int64_t limit);

  std::optional<Timestamp> schedule_ran_for(std::string_view name);
  void set_schedule_ran_for(std::string_view name, Timestamp time);

 private:
  sql::Connection& db_;
};

/// Tables with the prefix `jobs_`.
sql::Migrations migrations();

}  // namespace stoa::jobs
