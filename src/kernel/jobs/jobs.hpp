#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/http/router.hpp"
#include "kernel/jobs/job.hpp"
#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/schedule.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/mediator/idempotency.hpp"
#include "kernel/mediator/readers.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa::jobs {

/// What a slice came to; kept with the slice's effect, or not at all.
struct Advance {
  std::string checkpoint;  ///< JSON; what a later `begin` goes on from
  Progress progress;
  bool finished = false;
  json::Raw result{"null"};  ///< of the whole job, when it is finished
};

struct Slice {
  int weight = 1;  ///< order lines, or their like
  /// Runs in the write transaction, once more after a rollback: keeps no effect outside of it.
  std::function<Advance(UnitOfWork&)> decide;
  /// Called on the worker's thread when it is durable.
  std::function<void()> kept = {};
};

/// One job being worked on. On the worker's thread, but for the slices' `decide`.
class Run {
 public:
  virtual ~Run() = default;
  /// Does what needs no writer (reads, parses, appends to a file up to the checkpoint that the
  /// slice will keep). An Error ends the job as failed; an exception is tried again later.
  virtual Result<Slice> next() = 0;
};

/// What some jobs do.
class Kind {
 public:
  virtual ~Kind() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Whether `POST /v1/jobs` may make one.
  [[nodiscard]] virtual bool on_demand() const { return true; }
  /// The parameters as they are to be kept, or every fault of them.
  [[nodiscard]] virtual Result<json::Metadata> judge(const json::Metadata& parameters) const = 0;
  /// Goes on from `job.checkpoint`.
  virtual Result<std::unique_ptr<Run>> begin(const Job& job) = 0;
  /// The name of the file that belongs to a job; empty: none.
  [[nodiscard]] virtual std::string file_of(const Job&) const { return {}; }
  /// Of that file, when a client may fetch it once the job has succeeded; else empty. Such a job
  /// counts its progress in the bytes of the file.
  [[nodiscard]] virtual std::string content_type_of(const Job&) const { return {}; }
  /// Takes with a forgotten job what else is kept of it.
  virtual void forget(UnitOfWork&, JobId) {}
};

struct NewJob {
  JobId id;
  std::string kind;
  json::Metadata parameters;  ///< judged
  Progress progress = {};
  std::optional<Timestamp> run_at = {};
};

struct JobsContext {
  sql::Connection& db;  ///< the writer's
  Executor& executor;
  Readers& readers;
  JobFiles& files;
  const Clock& clock;
  IdSource& ids;
  const Crypto& crypto;
  http::Router& router;
  telemetry::Metrics& metrics;
  std::function<void(const std::string&)> report_defect;
  const telemetry::Tracer* tracer = nullptr;  ///< null or off: no job is traced
};

/// Of processes that share the jobs of one database.
struct JobsSharing {
  /// Whether this process is the one that works on jobs; asked on the worker's thread.
  std::function<bool()> is_leader;
  /// How often it is asked, and the leader looks for jobs that others have made.
  Duration look_every = std::chrono::milliseconds(500);
};

struct JobsOptions {
  std::optional<JobsSharing> sharing = {};
  std::int64_t open_max = 100;                     ///< queued or running; more are refused
  std::size_t running_max = 4;                     ///< take turns, slice by slice
  std::size_t posted_max = 4;                      ///< of `post`
  Duration retry_pause = std::chrono::seconds(1);  ///< after a failed slice; doubles each time
  std::int64_t stalled_max = 5;  ///< attempts without a slice that was kept; then it has failed
};

/// The jobs of the shop: their queue is a table, one thread works on them, and each slice's effect
/// commits together with how far the job is. So a job is done once, whatever is killed when. Of
/// processes that share them one works on all; one that has stopped being it, and does not know,
/// keeps no slice of a job that another has taken up.
class Jobs {
 public:
  virtual ~Jobs() = default;

  /// Before start(). The kind is kept.
  virtual void add(std::unique_ptr<Kind> kind) = 0;
  /// Before start(): a job of this kind whenever the schedule is due and none of it is open. What
  /// fell due while no process ran is made up for once.
  virtual void schedule(const std::string& kind, const json::Metadata& parameters,
                        Schedule schedule) = 0;
  /// After the executor has started, and stop() before it stops.
  virtual void start() = 0;
  virtual void stop() = 0;

  struct Enqueued {
    JobId id;
    bool replayed = false;
  };
  /// Writer thread. `too_many_jobs` (rate_limited) when the queue is full.
  virtual Result<Enqueued> enqueue(UnitOfWork& unit, NewJob job,
                                   const std::optional<IdempotencyKey>& key) = 0;
  /// Writer thread. What the job has done stays, nothing more is done. `unknown_job` (not_found),
  /// `job_ended` (conflict).
  virtual Result<void> cancel(UnitOfWork& unit, JobId id) = 0;
  /// Calls `then` with the job, or nothing when there is none; on a reader's thread or at once.
  virtual void find(JobId id, std::function<void(Result<std::optional<Job>>)> then) const = 0;
  /// Runs `work`, which must not throw, on the worker's thread; false when too much waits. For what
  /// blocks on files.
  [[nodiscard]] virtual bool post(std::function<void()> work) = 0;
  /// Null when there is none.
  [[nodiscard]] virtual Kind* kind(std::string_view name) const = 0;
};

std::unique_ptr<Jobs> make_jobs(const JobsContext& context, JobsOptions options = {});

/// `/v1/jobs`: list, show, make, cancel, fetch the file of an export.
void add_job_routes(const JobsContext& context, Jobs& jobs);

/// `unknown_job` (404).
Error no_job();

/// Of a kind that takes none: every one is a fault.
Result<json::Metadata> no_parameters(const json::Metadata& parameters);

/// The request's Idempotency-Key with what it is used for; nothing when it brings none and none is
/// `required`.
Result<std::optional<IdempotencyKey>> used_key(const http::Request& request, const Crypto& crypto,
                                               bool required);

}  // namespace stoa::jobs
