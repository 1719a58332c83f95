#include "apphost/supervisor.hpp"

#include <sys/wait.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace stoa::apphost {
namespace {

using Instant = std::chrono::steady_clock::time_point;

/// Ends in a row after which nobody waits any longer for one that never was ready.
constexpr std::int64_t attempts_most = 5;

std::string ending(int status) {
  if (WIFEXITED(status)) return "ended with " + std::to_string(WEXITSTATUS(status));
  return "was ended by signal " + std::to_string(WTERMSIG(status));
}

class ThreadedSupervisor final : public Supervisor {
 public:
  ThreadedSupervisor(Runnable& runnable, Programs& programs, const Clock& clock,
                     const SupervisorOptions& options, SupervisorEvents events)
      : runnable_(runnable),
        programs_(programs),
        clock_(clock),
        options_(options),
        events_(std::move(events)),
        policy_(options.restart) {}
  ~ThreadedSupervisor() override { stop(); }

  void start() override {
    thread_ = std::thread([this] { run(); });
  }

  [[nodiscard]] View view() const override {
    const std::lock_guard lock(mutex_);
    return {state_, process_, runnable_.url()};
  }

  Result<void> wait_ready() override {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + options_.ready_within;
    const bool known = changed_.wait_until(
        lock, until, [&] { return stop_ || gave_up_ || (state_ == State::ready && !restart_); });
    if (known && !stop_ && !gave_up_) return {};
    return fail(ErrorKind::unavailable, "not_ready",
                known && gave_up_ ? last_fault_ : "It did not become ready in time.");
  }

  [[nodiscard]] std::optional<std::string> fault() const override {
    const std::lock_guard lock(mutex_);
    return gave_up_ ? std::optional(last_fault_) : std::nullopt;
  }

  void drain() override {
    const std::lock_guard lock(mutex_);
    if (state_ == State::ready || state_ == State::unhealthy) set(State::draining);
  }

  Result<void> restart() override {
    {
      const std::lock_guard lock(mutex_);
      restart_ = true;
      gave_up_ = false;
      changed_.notify_all();
    }
    return wait_ready();
  }

  void begin_stop() override {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }

  void stop() override {
    begin_stop();
    const std::lock_guard one_at_a_time(joining_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  void set(State state) {
    if (state_ == state) return;
    state_ = state;
    changed_.notify_all();
    told_ = false;
  }

  /// Tells others without the lock, which they may need.
  void tell(std::unique_lock<std::mutex>& lock) {
    if (told_) return;
    told_ = true;
    lock.unlock();
    events_.changed();
    lock.lock();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      restart_ = false;
      set(State::starting);
      tell(lock);
      bool is_hopeful = begin(lock);
      if (process_ != 0) is_hopeful = watch(lock);
      if (stop_) break;
      if (restart_) {
        policy_.forget();
        continue;
      }
      pause(lock, is_hopeful);
    }
    set(State::stopped);
    tell(lock);
  }

  /// False when there is no use in waiting for another try. Without the lock while it works.
  bool begin(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    auto program = next();
    Result<StartedProgram> started =
        program ? programs_.start(*program, {events_.output, [this](int status) { ended(status); }})
                : fail(program.error());
    if (!started) events_.said(started.error().detail);
    lock.lock();
    if (!started) {
      last_fault_ = started.error().detail;
      return started.error().retryable();
    }
    stop_signal_ = program->stop_signal;
    id_ = started->id;
    process_ = std::exchange(ended_early_, false) ? 0 : started->process;
    began_ = std::chrono::steady_clock::now();
    if (process_ == 0) events_.said(last_fault_ + ".");
    return true;
  }

  /// What the system refuses now (a full disk, no port), it may allow later.
  Result<Program> next() {
    try {
      return runnable_.next();
    } catch (const std::exception& error) {
      return fail(ErrorKind::unavailable, "not_started", error.what());
    }
  }

  /// On the thread of `Programs`: perhaps before the start is known to have been one.
  void ended(int status) {
    const std::lock_guard lock(mutex_);
    last_fault_ = "It " + ending(status);
    ended_early_ = process_ == 0;
    process_ = 0;
    changed_.notify_all();
  }

  /// Until it has ended. False when it was not ready in time.
  bool watch(std::unique_lock<std::mutex>& lock) {
    std::optional<Instant> kill_at;
    bool is_late = false;
    auto look_at = std::chrono::steady_clock::now();
    int unwell = 0;
    while (process_ != 0) {
      const auto now = std::chrono::steady_clock::now();
      if ((stop_ || restart_) && !kill_at) {
        kill_at = now + options_.stop_grace;
        set(State::stopping);
        tell(lock);
        give(lock, stop_signal_);
      } else if (kill_at && now >= *kill_at) {
        kill_at = now + options_.stop_grace;
        give(lock, SIGKILL);
      } else if (!kill_at && state_ == State::starting && now >= began_ + options_.ready_within) {
        kill_at = now + options_.stop_grace;
        is_late = true;
        give(lock, SIGKILL);
      } else if (!kill_at && now >= look_at) {
        look(lock, unwell);
        look_at =
            std::chrono::steady_clock::now() +
            (state_ == State::starting ? options_.look_while_starting : options_.look_when_ready);
      }
      tell(lock);
      if (process_ == 0) break;
      const auto next = kill_at ? *kill_at : look_at;
      changed_.wait_until(
          lock, next, [&] { return process_ == 0 || !told_ || (!kill_at && (stop_ || restart_)); });
    }
    if (is_late) last_fault_ = "It did not become ready in time";
    if (!stop_ && !restart_) events_.said(last_fault_ + ".");
    return !is_late;
  }

  void give(std::unique_lock<std::mutex>& lock, int signal) {
    lock.unlock();
    programs_.signal(id_, signal);
    lock.lock();
  }

  void look(std::unique_lock<std::mutex>& lock, int& unwell) {
    lock.unlock();
    const bool is_well = runnable_.is_well();
    lock.lock();
    unwell = is_well ? 0 : unwell + 1;
    if (process_ == 0 || state_ == State::draining) return;
    if (is_well) {
      policy_.ready(clock_.now());
      ever_ready_ = true;
      set(State::ready);
    } else if (state_ == State::ready && unwell >= options_.unwell_most) {
      set(State::unhealthy);
    }
  }

  void pause(std::unique_lock<std::mutex>& lock, bool is_hopeful) {
    const auto delay = policy_.ended(clock_.now(), static_cast<std::uint64_t>(id_) * 97);
    gave_up_ = !ever_ready_ && (!is_hopeful || policy_.attempts() >= attempts_most);
    set(State::restarting);
    changed_.notify_all();
    tell(lock);
    changed_.wait_for(lock, delay, [&] { return stop_ || restart_; });
  }

  Runnable& runnable_;
  Programs& programs_;
  const Clock& clock_;
  SupervisorOptions options_;
  SupervisorEvents events_;
  RestartPolicy policy_;  ///< of the thread

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::starting;
  bool told_ = true;
  bool stop_ = false;
  bool restart_ = false;
  bool gave_up_ = false;
  bool ever_ready_ = false;
  bool ended_early_ = false;
  std::int64_t id_ = 0;
  int process_ = 0;
  int stop_signal_ = SIGTERM;
  Instant began_;
  std::string last_fault_;
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Supervisor> make_supervisor(Runnable& runnable, Programs& programs,
                                            const Clock& clock, SupervisorOptions options,
                                            SupervisorEvents events) {
  return std::make_unique<ThreadedSupervisor>(runnable, programs, clock, options,
                                              std::move(events));
}

}  // namespace stoa::apphost
