#include "simulation/loop.hpp"

#include <array>

namespace stoa::simulation {

bool Loop::submit(Work work) {
  if (!queue_.push(std::move(work))) return false;
  wake();
  return true;
}

void Loop::wake() {
  if (is_awake_) return;
  is_awake_ = true;
  world_.inside_after(std::chrono::microseconds(world_.random.between(10, 3'000)), [this] {
    is_awake_ = false;
    take();
  });
}

void Loop::take() {
  static constexpr std::array weights{1, 5, 2'000};
  auto batch = queue_.take(world_.random.pick(weights));
  run(batch);
  if (!queue_.empty()) wake();
}

void Loop::run(std::vector<Work>& batch) {
  if (batch.empty()) return;
  world_.step("before a batch");
  is_running_ = true;
  runner_.run(batch);
  is_running_ = false;
  world_.step("after a batch");
}

bool Loop::tick() {
  std::vector<Work> due;
  for (auto& timer : timers_) {
    if (timer.due > world_.true_now()) continue;
    timer.due = world_.true_now() + timer.interval;
    due.push_back({Lane::inside, 1, {.actor = "system", .causation = "timer"}, timer.run, {}});
  }
  run(due);
  bool has_more = false;
  for (auto& slice : idle_) {
    std::vector<Work> one{
        {Lane::inside, 1, {.actor = "system", .causation = "projection"}, {}, {}}};
    one.front().run = [&](UnitOfWork& unit) { has_more = slice(unit) || has_more; };
    run(one);
  }
  return has_more;
}

}  // namespace stoa::simulation
