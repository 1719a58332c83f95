#pragma once

#include <vector>

#include "kernel/mediator/batch.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

/// The writer without its thread: the queue and the batches are the product's own, and chance says
/// when a batch is taken and how much of the queue it may take.
class Loop final : public Executor {
 public:
  Loop(World& world, sql::Transactions& transactions, const std::vector<Participant*>& participants,
       std::function<void(const std::string&)> report_defect)
      : world_(world),
        queue_(static_cast<std::size_t>(world.faults.outside_max)),
        runner_(transactions, world, participants, std::move(report_defect), nullptr) {}

  bool submit(Work work) override;
  void every(Duration interval, std::function<void(UnitOfWork&)> run) override {
    timers_.push_back({interval, world_.true_now() + interval, std::move(run)});
  }
  void when_idle(std::function<bool(UnitOfWork&)> slice) { idle_.push_back(std::move(slice)); }

  /// Runs the timers that are due, and projections; true when a projection has more to do.
  bool tick();
  [[nodiscard]] bool is_running() const { return is_running_; }

 private:
  struct Timer {
    Duration interval;
    Timestamp due;
    std::function<void(UnitOfWork&)> run;
  };
  void wake();
  void take();
  void run(std::vector<Work>& batch);

  World& world_;
  WorkQueue queue_;
  BatchRunner runner_;
  std::vector<Timer> timers_;
  std::vector<std::function<bool(UnitOfWork&)>> idle_;
  bool is_awake_ = false;
  bool is_running_ = false;
};

}  // namespace stoa::simulation
