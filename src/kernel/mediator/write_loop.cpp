#include "kernel/mediator/write_loop.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "kernel/base/assert.hpp"
#include "kernel/mediator/batch_spans.hpp"

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
      : transactions_(transactions),
        clock_(clock),
        participants_(participants),
        report_defect_(std::move(report_defect)),
        options_(options) {}
  ~Loop() override { stop(); }

  bool submit(Work work) override {
    {
      const std::lock_guard lock(mutex_);
      const bool outside = work.lane == Lane::outside;
      if (ended_ || (outside && (stopping_ || outside_.size() >= options_.outside_max))) {
        ++shed_;
        return false;
      }
      (outside ? outside_ : inside_).push_back(std::move(work));
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
    return {commits_, commands_, rollbacks_, shed_, inside_.size() + outside_.size()};
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
        process(*batch);
        for (auto& idle : idle_) idle.wants_more = true;
      }
    }
  }

  /// Nothing when the loop is to end; an empty batch when there is idle work to do.
  std::optional<std::vector<Work>> next_batch() {
    std::unique_lock lock(mutex_);
    for (;;) {
      add_due_timers();
      const bool is_queue_empty = inside_.empty() && outside_.empty();
      const auto slice_at = is_queue_empty ? slice_at_ : slice_at_ + slice_delay_max;
      if (wants_slice() && Steady::now() >= slice_at) return std::vector<Work>{};
      if (!is_queue_empty) return take_batch();
      if (stopping_) {
        ended_ = true;
        return std::nullopt;
      }
      auto until = wants_slice() ? slice_at_ : Steady::now() + std::chrono::seconds(1);
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
      inside_.push_back(
          {Lane::inside, 1, {.actor = "system", .causation = "timer"}, timer.run, {}});
    }
  }

  /// Work from inside goes first: it ends what is begun.
  std::vector<Work> take_batch() {
    std::vector<Work> batch;
    int weight = 0;
    for (auto* queue : {&inside_, &outside_}) {
      while (!queue->empty() && (batch.empty() || weight < options_.batch_weight_max)) {
        weight += queue->front().weight;
        batch.push_back(std::move(queue->front()));
        queue->pop_front();
      }
    }
    return batch;
  }

  void process(std::vector<Work>& batch) {
    if (try_transaction(batch.data(), batch.size(), batch.size() == 1)) return;
    if (batch.size() == 1) return;
    for (auto& work : batch) try_transaction(&work, 1, true);
  }

  /// True when it was committed. A last try answers the failure.
  bool try_transaction(Work* works, std::size_t count, bool last_try) {
    UnitOfWork unit(now());
    BatchSpans spans(options_.tracer, works, count);
    std::string what;
    try {
      transactions_.begin();
      for (auto* work = works; work != works + count; ++work) {
        spans.decide(*work);
        unit.set_cause(work->cause);
        work->run(unit);
        unit.drain_reactions();
        spans.decided(*work);
      }
      spans.commit();
      for (auto* participant : participants_) participant->flush(unit);
      transactions_.commit();
      spans.committed();
      committed(works, count, unit);
      return true;
    } catch (const std::exception& e) {
      what = e.what();
    }
    transactions_.rollback();
    for (auto* participant : participants_) participant->rolled_back();
    {
      const std::lock_guard lock(mutex_);
      ++rollbacks_;
    }
    report_defect_("A batch of " + std::to_string(count) + " was rolled back: " + what);
    if (last_try) {
      const auto error = internal_error();
      for (auto* work = works; work != works + count; ++work)
        if (work->done) work->done(&error);
    }
    return false;
  }

  void committed(Work* works, std::size_t count, UnitOfWork& unit) {
    {
      const std::lock_guard lock(mutex_);
      ++commits_;
      commands_ += static_cast<std::int64_t>(count);
    }
    for (auto* participant : participants_) participant->committed();
    for (auto* work = works; work != works + count; ++work)
      if (work->done) work->done(nullptr);
    for (auto& action : unit.take_after_commit()) action();
  }

  void run_idle() {
    for (auto& idle : idle_) {
      if (!idle.wants_more) continue;
      Work work{Lane::inside, 1, {.actor = "system", .causation = "projection"}, {}, {}};
      work.run = [&](UnitOfWork& unit) { idle.wants_more = idle.slice(unit); };
      if (!try_transaction(&work, 1, true)) idle.wants_more = false;
    }
    // What came meanwhile is gathered, so that a slice is worth its commit. A projection that has
    // much to do goes on at once, but behind the commands that wait.
    slice_at_ = Steady::now();
    if (!wants_slice()) slice_at_ += slice_pause;
  }

  Timestamp now() { return last_now_ = std::max(last_now_, clock_.now()); }

  sql::Transactions& transactions_;
  const Clock& clock_;
  const std::vector<Participant*>& participants_;
  std::function<void(const std::string&)> report_defect_;
  WriteLoopOptions options_;
  std::vector<Idle> idle_;
  Steady::time_point slice_at_;
  Timestamp last_now_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> inside_;
  std::deque<Work> outside_;
  std::vector<Timer> timers_;
  bool stopping_ = false;
  bool ended_ = false;
  std::int64_t commits_ = 0;
  std::int64_t commands_ = 0;
  std::int64_t rollbacks_ = 0;
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
