#pragma once

#include <boost/describe/enum.hpp>
#include <optional>
#include <string>

#include "kernel/json/codec.hpp"

namespace stoa::jobs {

using JobId = Id<"job">;

BOOST_DEFINE_ENUM_CLASS(JobState, queued, running, succeeded, failed, cancelled)

struct Progress {
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0: not known
  std::string unit;        ///< `bytes`, `orders`
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("done", &Progress::done), field("total", &Progress::total),
                      field("unit", &Progress::unit)};
  }
};

struct JobError {
  std::string code;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("code", &JobError::code),
                      field("detail", &JobError::detail, Text{0, 2000})};
  }
};

/// Work of some length that is done once, in slices, and goes on after a restart.
struct Job {
  static constexpr std::string_view schema_name = "Job";
  JobId id;
  std::string kind;
  JobState state = JobState::queued;
  bool scheduled = false;  ///< made by a schedule, not by a request
  json::Metadata parameters;
  Progress progress;
  std::int64_t attempts = 0;  ///< how often it was begun or taken up again
  Timestamp created_at;
  Timestamp run_at;  ///< not before then
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> finished_at;
  std::optional<JobError> error;
  json::Raw result{"null"};
  // Not shown:
  std::string checkpoint;    ///< JSON of the kind's own; empty before the first slice
  std::int64_t stalled = 0;  ///< attempts since the last slice that was kept

  [[nodiscard]] bool has_ended() const {
    return state != JobState::queued && state != JobState::running;
  }
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &Job::id),
                      field("kind", &Job::kind),
                      field("state", &Job::state),
                      field("scheduled", &Job::scheduled),
                      field("parameters", &Job::parameters),
                      field("progress", &Job::progress),
                      field("attempts", &Job::attempts),
                      field("created_at", &Job::created_at),
                      field("run_at", &Job::run_at),
                      field("started_at", &Job::started_at),
                      field("finished_at", &Job::finished_at),
                      field("error", &Job::error),
                      field("result", &Job::result)};
  }
};

}  // namespace stoa::jobs
