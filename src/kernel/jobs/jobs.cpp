#include "kernel/jobs/jobs.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "kernel/base/assert.hpp"
#include "kernel/base/planted.hpp"
#include "kernel/jobs/job_rows.hpp"
#include "kernel/jobs/read_now.hpp"

namespace stoa::jobs {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds schedule_interval{1};
constexpr std::chrono::minutes look_pause_max{1};  // the clock may be set meanwhile

class JobRunner final : public Jobs {
 public:
  JobRunner(const JobsContext& context, JobsOptions options)
      : context_(context), options_(options), rows_(context.db), idempotency_(context.db, "jobs_") {
    context_.executor.every(Idempotency::sweep_interval,
                            [this](UnitOfWork& unit) { idempotency_.forget_old(unit.now()); });
    context_.executor.every(schedule_interval, [this](UnitOfWork& unit) { look_at_clock(unit); });
    context_.metrics.gauge("stoa_jobs_running", [this] { return double(running_.load()); });
    context_.metrics.gauge("stoa_jobs_open", [this] { return double(open_.load()); });
  }
  ~JobRunner() override { stop(); }

  void add(std::unique_ptr<Kind> kind) override {
    const std::string name(kind->name());
    STOA_ASSERT(kinds_.emplace(name, std::move(kind)).second);
  }

  void schedule(const std::string& kind, const json::Metadata& parameters,
                Schedule schedule) override {
    const auto* known = this->kind(kind);
    STOA_ASSERT(known != nullptr);
    const auto judged = known->judge(parameters);
    STOA_ASSERT(judged.has_value());
    schedules_.push_back({kind, *judged, schedule, {}});
  }

  void start() override {
    thread_ = std::thread([this] { work(); });
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<Enqueued> enqueue(UnitOfWork& unit, NewJob wanted,
                           const std::optional<IdempotencyKey>& key) override {
    if (key) {
      const auto used = idempotency_.find(*key);
      if (!used) return fail(used.error());
      if (*used) return Enqueued{*JobId::parse(**used), true};
    }
    if (rows_.count_open() >= options_.open_max)
      return fail(ErrorKind::rate_limited, "too_many_jobs",
                  "There are " + std::to_string(options_.open_max) +
                      " jobs that have not ended: wait, or cancel some.");
    const auto id = wanted.id;
    insert(unit, std::move(wanted), false);
    if (key) idempotency_.store(*key, id.str(), unit.now());
    return Enqueued{id, false};
  }

  Result<void> cancel(UnitOfWork& unit, JobId id) override {
    auto job = rows_.find(id);
    if (!job) return fail(no_job());
    if (job->state == JobState::cancelled) return {};
    if (job->has_ended())
      return fail(ErrorKind::conflict, "job_ended",
                  "The job has " + std::string(json::name_of(job->state)) + " already.");
    end(unit, *job, JobState::cancelled);
    return {};
  }

  void find(JobId id, std::function<void(Result<std::optional<Job>>)> then) const override {
    const bool taken =
        context_.readers.submit([id, then](Store store) { then(JobRows(store.db).find(id)); },
                                [then] { then(fail(internal_error())); });
    if (!taken) then(fail(overloaded()));
  }

  bool post(std::function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || posted_.size() >= options_.posted_max) return false;
      posted_.push_back(std::move(work));
    }
    wake_.notify_all();
    return true;
  }

  [[nodiscard]] Kind* kind(std::string_view name) const override {
    const auto at = kinds_.find(name);
    return at == kinds_.end() ? nullptr : at->second.get();
  }

 private:
  struct Active {
    JobId id;
    std::int64_t attempt;  ///< another one has it when the row tells another number
    std::string kind;
    std::unique_ptr<Run> run;
    std::string traceparent = {};  ///< of its own trace, empty when none is recorded
    telemetry::Span span = {};     ///< from when it was taken up until it ends or is put back
  };
  struct Scheduled {
    std::string kind;
    json::Metadata parameters;
    Schedule schedule;
    std::optional<Timestamp> ran_for;  // as the table has it
  };
  /// What a command found a job to be.
  struct Outcome {
    std::optional<Job> job;
    std::optional<Timestamp> next_at;  // of the job that waits, when none is due
  };

  // Writer thread.

  void insert(UnitOfWork& unit, NewJob wanted, bool scheduled) {
    Job job;
    job.id = wanted.id;
    job.kind = std::move(wanted.kind);
    job.parameters = std::move(wanted.parameters);
    job.progress = std::move(wanted.progress);
    job.scheduled = scheduled;
    job.created_at = unit.now();
    job.run_at = std::max(wanted.run_at.value_or(unit.now()), unit.now());
    rows_.insert(job);
    changed(unit);
  }

  /// Something may be due.
  void changed(UnitOfWork& unit) {
    open_ = rows_.count_open();
    unit.after_commit([this] {
      {
        const std::lock_guard lock(mutex_);
        look_ = !planted(Defect::lost_wakeup);
      }
      wake_.notify_all();
    });
  }

  void look_at_clock(UnitOfWork& unit) {
    for (auto& one : schedules_) {
      const auto due = one.schedule.last_due(unit.now());
      if (one.ran_for && *one.ran_for >= due) continue;
      one.ran_for = rows_.schedule_ran_for(one.kind);  // another process may have been faster
      if (one.ran_for && *one.ran_for >= due) continue;
      const bool is_first = !one.ran_for;
      // Remembered here only when it is kept: a rollback has it read again.
      rows_.set_schedule_ran_for(one.kind, due);
      one.ran_for.reset();
      if (is_first || rows_.is_open(one.kind, true)) continue;
      insert(unit, {context_.ids.make<JobId>(), one.kind, one.parameters}, true);
    }
  }

  void end(UnitOfWork& unit, Job& job, JobState state) {
    job.state = state;
    job.finished_at = unit.now();
    rows_.update(job);
    changed(unit);
    unit.after_commit([this, kind = job.kind, state] {
      context_.metrics.count(
          "stoa_jobs_total",
          telemetry::label("kind", kind) + "," + telemetry::label("state", json::name_of(state)));
    });
  }

  void end_as_failed(UnitOfWork& unit, Job& job, std::string code, std::string detail) {
    job.error = JobError{std::move(code), std::move(detail)};
    end(unit, job, JobState::failed);
  }

  Outcome claim(UnitOfWork& unit) {
    auto job = rows_.first_queued();
    if (!job) return {};
    if (job->run_at > unit.now()) return {{}, job->run_at};
    if (job->stalled >= options_.stalled_max) {
      end_as_failed(unit, *job, "gave_up", "It was begun several times and came no further.");
      return {};
    }
    job->state = JobState::running;
    ++job->attempts;
    ++job->stalled;
    if (!job->started_at) job->started_at = unit.now();
    rows_.update(*job);
    return {std::move(job), {}};
  }

  void trace(Active& active) const {
    if (context_.tracer == nullptr || !context_.tracer->is_on()) return;
    active.span = context_.tracer->enter(active.traceparent, context_.clock.now(),
                                         telemetry::SpanKind::consumer);
    active.span.rename("job " + active.kind);
    active.span.set(telemetry::Attribute::job, active.kind);
  }

  /// The job as it is, while it is this process's to work on: not when it was cancelled, nor when
  /// another process has taken it up.
  std::optional<Job> still_ours(const Active& active) {
    auto job = rows_.find(active.id);
    const bool is_ours = job && job->state == JobState::running && job->attempts == active.attempt;
    return is_ours ? std::move(job) : std::nullopt;
  }

  /// True while the job goes on.
  bool keep_slice(UnitOfWork& unit, const Active& active, const Slice& slice) {
    auto job = still_ours(active);
    if (!job) return false;
    auto advance = slice.decide(unit);
    if (!planted(Defect::job_checkpoint_lost)) job->checkpoint = std::move(advance.checkpoint);
    job->progress = std::move(advance.progress);
    job->stalled = 0;
    if (!advance.finished) {
      rows_.update(*job);
      return true;
    }
    job->result = std::move(advance.result);
    end(unit, *job, JobState::succeeded);
    return false;
  }

  // The worker's thread.

  void work() {
    while (wait_for_work()) {
      if (auto posted = take_posted()) (*posted)();
      if (!leads()) continue;
      if (active_.size() < options_.running_max && should_look()) take_up();
      if (active_.empty()) continue;
      auto active = std::move(active_.front());
      active_.pop_front();
      if (step(active)) active_.push_back(std::move(active));
      running_ = static_cast<std::int64_t>(active_.size());
    }
    active_.clear();
  }

  /// Whether this process works on jobs; asked again when it is time to.
  bool leads() {
    if (!options_.sharing) return leads_ || begin_to_lead();
    const auto now = Steady::now();
    if (now < ask_at_) return leads_;
    ask_at_ = now + options_.sharing->look_every;
    if (!options_.sharing->is_leader()) {
      leads_ = false;
      active_.clear();  // who leads now goes on with them
      running_ = 0;
      return false;
    }
    if (!leads_) return begin_to_lead();
    if (is_one_due()) {
      const std::lock_guard lock(mutex_);
      look_ = true;
    }
    return true;
  }

  /// What a process that is gone, or leads no more, was doing waits again.
  bool begin_to_lead() {
    const auto kept = command<bool>([this](UnitOfWork& unit) {
      if (!planted(Defect::job_not_resumed)) rows_.requeue_running();
      changed(unit);
      return true;
    });
    leads_ = kept.has_value() || !options_.sharing;
    return leads_;
  }

  /// Also of those that another process has made.
  bool is_one_due() {
    try {
      return read_now<bool>(context_.readers, [this](Store store) {
        const auto first = JobRows(store.db).first_queued();
        return first && first->run_at <= context_.clock.now();
      });
    } catch (const std::exception&) {
      return false;  // asked again soon
    }
  }

  /// False when it is to end.
  bool wait_for_work() {
    std::unique_lock lock(mutex_);
    const auto is_ready = [this] {
      const bool may_lead = leads_ || !options_.sharing;
      return stopping_ || !posted_.empty() || (may_lead && (!active_.empty() || look_));
    };
    auto until = look_at_;
    if (options_.sharing) until = std::min(until.value_or(ask_at_), ask_at_);
    if (until)
      wake_.wait_until(lock, *until, is_ready);
    else
      wake_.wait(lock, is_ready);
    return !stopping_;
  }

  std::optional<std::function<void()>> take_posted() {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return std::nullopt;
    auto work = std::move(posted_.front());
    posted_.pop_front();
    return work;
  }

  bool should_look() {
    const std::lock_guard lock(mutex_);
    const bool due = look_at_ && *look_at_ <= Steady::now();
    return look_ || due;
  }

  void take_up() {
    {
      const std::lock_guard lock(mutex_);
      look_ = false;
      look_at_.reset();
    }
    auto outcome = command<Outcome>([this](UnitOfWork& unit) { return claim(unit); });
    if (!outcome) return;
    const std::lock_guard lock(mutex_);
    if (outcome->next_at)
      look_at_ = Steady::now() + std::clamp<Duration>(*outcome->next_at - context_.clock.now(),
                                                      Duration::zero(), look_pause_max);
    if (!outcome->job) return;
    look_ = true;  // there may be another
    trace(active_.emplace_back(
        Active{outcome->job->id, outcome->job->attempts, outcome->job->kind, nullptr}));
    running_ = static_cast<std::int64_t>(active_.size());
  }

  /// True while the job goes on.
  bool step(Active& active) {
    try {
      if (!active.run && !begin(active)) return false;
      auto slice = active.run->next();
      if (!slice) return end_with(active, slice.error());
      const auto goes_on =
          command<bool>([&](UnitOfWork& unit) { return keep_slice(unit, active, *slice); },
                        slice->weight, active.traceparent);
      if (!goes_on) return try_later(active);
      if (*goes_on && slice->kept) slice->kept();
      return *goes_on;
    } catch (const std::exception& e) {
      context_.report_defect("A job of the kind " + active.kind + " failed: " + e.what());
      return try_later(active);
    }
  }

  bool begin(Active& active) {
    const auto job = command<std::optional<Job>>([&](UnitOfWork&) { return still_ours(active); });
    if (!job || !*job) return false;
    auto* known = kind(active.kind);
    if (known == nullptr)
      return end_with(active, {ErrorKind::internal, "unknown_kind",
                               "This program knows no jobs of this kind."});
    auto run = known->begin(**job);
    if (!run) return end_with(active, run.error());
    active.run = std::move(*run);
    return true;
  }

  bool end_with(Active& active, const Error& error) {
    active.span.fail(error.code);
    command<bool>([&](UnitOfWork& unit) {
      if (auto job = still_ours(active)) end_as_failed(unit, *job, error.code, error.detail);
      return true;
    });
    return false;
  }

  /// Nothing of the slice was kept: it goes on from the checkpoint, after a pause that doubles.
  bool try_later(const Active& active) {
    command<bool>([&](UnitOfWork& unit) {
      auto job = still_ours(active);
      if (!job) return true;
      job->state = JobState::queued;
      job->run_at = unit.now() + options_.retry_pause * (std::int64_t{1} << job->stalled);
      rows_.update(*job);
      changed(unit);
      return true;
    });
    return false;
  }

  /// Runs a command and waits for it; nothing when it failed or was not taken.
  template <class T>
  std::optional<T> command(const std::function<T(UnitOfWork&)>& run, int weight = 1,
                           const std::string& traceparent = {}) {
    std::optional<T> result;
    std::promise<bool> kept;
    const bool taken = context_.executor.submit(
        {Executor::Lane::inside,
         weight,
         {.actor = "system", .causation = "job", .traceparent = traceparent},
         [&](UnitOfWork& unit) { result = run(unit); },
         [&](const Error* failure) { kept.set_value(failure == nullptr); }});
    if (!taken || !kept.get_future().get()) return std::nullopt;
    return result;
  }

  JobsContext context_;
  JobsOptions options_;
  std::map<std::string, std::unique_ptr<Kind>, std::less<>> kinds_;

  JobRows rows_;
  Idempotency idempotency_;
  std::vector<Scheduled> schedules_;

  // Of the worker's thread.
  std::deque<Active> active_;
  bool leads_ = false;
  Steady::time_point ask_at_;  ///< whether it leads, when jobs are shared

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> posted_;
  std::optional<Steady::time_point> look_at_;
  bool look_ = true;
  bool stopping_ = false;

  std::atomic<std::int64_t> running_{0};
  std::atomic<std::int64_t> open_{0};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Jobs> make_jobs(const JobsContext& context, JobsOptions options) {
  return std::make_unique<JobRunner>(context, options);
}

}  // namespace stoa::jobs
