#include "kernel/mediator/write_loop.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "kernel/mediator/batch.hpp"

namespace stoa {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds slice_pause{250};
constexpr std::chrono::milliseconds slice_delay_max{1'000};  ///< of a slice while work waits

class Loop final : public WriteLoop {
 public:
  Loop(sql::Transactions& transactions, const Clock& clock,
       const std::vector<Participant*>& participants,
       std::function<void(const std::string&)> report_defect, WriteLoopOptions options)
      : runner_(transactions, clock, participants, std::move(report_defect), options.tracer),
        options_(options),
        queue_(options.outside_max) {}
  ~Loop() override { stop(); }

  bool submit(Work work) override {
    {
      const std::lock_guard lock(mutex_);
      const bool outside = work.lane == Lane::outside;
      if (ended_ || (outside && stopping_) || !queue_.push(std::move(work))) {
        ++shed_;
        return false;
      }
    }
    wake_.notify_one();
    return true;
  }

  void every(Duration interval, std::function<void(UnitOfWork&)> run) override {
    const std::lock_guard lock(mutex_);
    timers_.push_back({interval, Steady::now() + interval, std::move(run)});
  }

  void when_idle(std::function<bool(UnitOfWork&)> slice) override {
    idle_.push_back({std::move(slice)});
  }

  void start() override {
    thread_ = std::thread([this] { run(); });
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] WriteLoopFigures figures() const override {
    const std::lock_guard lock(mutex_);
    return {runner_.commits(), runner_.commands(), runner_.rollbacks(), shed_, queue_.size()};
  }

 private:
  struct Timer {
    Duration interval;
    Steady::time_point due;
    std::function<void(UnitOfWork&)> run;
  };
  struct Idle {
    std::function<bool(UnitOfWork&)> slice;
    bool wants_more = true;
  };

  void run() {
    while (auto batch = next_batch()) {
      if (batch->empty()) {
        run_idle();
      } else {
        runner_.run(*batch);
        for (auto& idle : idle_) idle.wants_more = true;
      }
    }
  }

  /// Nothing when the loop is to end; an empty batch when there is idle work to do.
  std::optional<std::vector<Work>> next_batch() {
    std::unique_lock lock(mutex_);
    for (;;) {
      add_due_timers();
      const bool is_queue_empty = queue_.empty();
      const auto slice_at = is_queue_empty ? slice_at_ : slice_at_ + slice_delay_max;
      if (wants_slice() && Steady::now() >= slice_at) return std::vector<Work>{};
      const auto now = Steady::now();
      if (!is_queue_empty && (now >= next_batch_at_ || stopping_)) {
        next_batch_at_ = now + options_.pace;
        return queue_.take(options_.batch_weight_max);
      }
      if (is_queue_empty && stopping_) {
        ended_ = true;
        return std::nullopt;
      }
      auto until = wants_slice() ? slice_at : now + std::chrono::seconds(1);
      if (!is_queue_empty) until = std::min(until, next_batch_at_);
      for (const auto& timer : timers_) until = std::min(until, timer.due);
      wake_.wait_until(lock, until);
    }
  }

  [[nodiscard]] bool wants_slice() const {
    return std::any_of(idle_.begin(), idle_.end(), [](const Idle& one) { return one.wants_more; });
  }

  void add_due_timers() {
    if (stopping_) return;
    const auto now = Steady::now();
    for (auto& timer : timers_) {
      if (timer.due > now) continue;
      timer.due = now + timer.interval;
      static_cast<void>(queue_.push(  // nothing from inside is shed
          {Lane::inside, 1, {.actor = "system", .causation = "timer"}, timer.run, {}}));
    }
  }

  void run_idle() {
    for (auto& idle : idle_) {
      if (!idle.wants_more) continue;
      Work work{Lane::inside, 1, {.actor = "system", .causation = "projection"}, {}, {}};
      work.run = [&](UnitOfWork& unit) { idle.wants_more = idle.slice(unit); };
      if (!runner_.try_transaction(&work, 1, true)) idle.wants_more = false;
    }
    // What came meanwhile is gathered, so that a slice is worth its commit. A projection that has
    // much to do goes on at once, but behind the commands that wait.
    slice_at_ = Steady::now();
    if (!wants_slice()) slice_at_ += slice_pause;
  }

  BatchRunner runner_;
  WriteLoopOptions options_;
  std::vector<Idle> idle_;
  Steady::time_point slice_at_;
  Steady::time_point next_batch_at_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  WorkQueue queue_;
  std::vector<Timer> timers_;
  bool stopping_ = false;
  bool ended_ = false;
  std::int64_t shed_ = 0;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<WriteLoop> make_write_loop(sql::Transactions& transactions, const Clock& clock,
                                           const std::vector<Participant*>& participants,
                                           std::function<void(const std::string&)> report_defect,
                                           WriteLoopOptions options) {
  return std::make_unique<Loop>(transactions, clock, participants, std::move(report_defect),
                                options);
}

}  // namespace stoa
