#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "kernel/base/planted.hpp"
#include "kernel/messaging/loop.hpp"
#include "kernel/resilience/backoff.hpp"
#include "platform/rabbitmq/confirmed_link.hpp"
#include "platform/rabbitmq/tasks.hpp"
#include "platform/rabbitmq/topology.hpp"

namespace stoa::rabbitmq {
namespace {

using messaging::QueuePlan;
using messaging::TaskOutcome;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds receive_wait{10};
constexpr Backoff reconnecting{std::chrono::milliseconds(200), std::chrono::seconds(10)};

/// How a try ended, as told by any thread.
struct Settlement {
  int connection = 0;
  std::uint64_t tag = 0;
  TaskOutcome outcome = TaskOutcome::done;
  std::string answer;
};

/// Shared with those who have a task to end, for they may outlive the consumer.
struct Settlements {
  std::mutex mutex;
  std::deque<Settlement> told;
};

class Consumer final : public messaging::Loop {
 public:
  Consumer(const Settings& settings, TaskConsumerOptions options, messaging::TakeTask take)
      : settings_(settings),
        options_(std::move(options)),
        take_(std::move(take)),
        aside_(settings) {
    if (options_.queue.kind == QueuePlan::Kind::ordered) options_.at_once = 1;
    start();
  }
  ~Consumer() override { stop(); }

 private:
  struct Held {
    std::uint64_t tag = 0;
    Steady::time_point until;
  };

  Pause step() override {
    try {
      if (!link_) begin();
      settle_told();
      try_held();
      if (auto incoming = link_->receive(receive_wait)) {
        const auto tag = incoming->tag;
        offer(tag, taken_.emplace(tag, std::move(*incoming)).first->second);
      }
      return {};
    } catch (const Failure& failure) {
      if (failures_ == 0)
        options_.warn("Tasks of " + options_.queue.name + " are not received: " + failure.what());
      end();
      return {{}, reconnecting.delay(++failures_, 0)};
    }
  }
  void end() override {
    ++connection_;
    taken_.clear();
    held_.reset();
    link_.reset();
  }

  void begin() {
    link_.emplace(settings_);
    declare(*link_, options_.queue);
    link_->consume(options_.queue.name, options_.at_once);
    failures_ = 0;
  }

  void offer(std::uint64_t tag, const Incoming& incoming) {
    if (planted(Defect::acknowledge_before_effect)) link_->acknowledge(tag);
    auto settle = [told = settlements_, connection = connection_, tag](TaskOutcome outcome,
                                                                       std::string answer) {
      const std::lock_guard lock(told->mutex);
      told->told.push_back({connection, tag, outcome, std::move(answer)});
    };
    try {
      take_({incoming.task, incoming.tries + 1}, settle);
    } catch (const std::exception& e) {
      options_.warn("A task of " + options_.queue.name + " failed: " + e.what());
      settle(TaskOutcome::again, {});
    }
  }

  void settle_told() {
    std::deque<Settlement> told;
    {
      const std::lock_guard lock(settlements_->mutex);
      told.swap(settlements_->told);
    }
    for (const auto& one : told) {
      const auto at = taken_.find(one.tag);
      if (one.connection == connection_ && at != taken_.end()) settle(at->second, one);
    }
  }

  void settle(Incoming& incoming, const Settlement& one) {
    ++incoming.tries;
    if (options_.queue.kind == QueuePlan::Kind::requests) {
      if (one.outcome == TaskOutcome::done) answer(incoming, one.answer);
      return over(one.tag);
    }
    if (one.outcome == TaskOutcome::done) return over(one.tag);
    if (one.outcome == TaskOutcome::refused || incoming.tries >= options_.queue.tries_max) {
      link_->refuse(one.tag);
      taken_.erase(one.tag);
      return;
    }
    if (options_.queue.kind == QueuePlan::Kind::ordered) {
      held_ = Held{one.tag, Steady::now() + pause_after(options_.queue, incoming.tries)};
      return;
    }
    // First there, then gone here: a crash in between doubles it, and loses nothing.
    aside_.send(options_.queue, {{.key = waiting_of(options_.queue, incoming.tries),
                                  .task = incoming.task,
                                  .tries = incoming.tries}});
    over(one.tag);
  }

  void over(std::uint64_t tag) {
    if (!planted(Defect::acknowledge_before_effect)) link_->acknowledge(tag);
    taken_.erase(tag);
  }

  void answer(const Incoming& incoming, const std::string& data) {
    if (incoming.reply_to.empty()) return;
    Outgoing message{.key = incoming.reply_to,
                     .task = incoming.task,
                     .correlation_id = incoming.correlation_id,
                     .must_arrive = false};
    message.task.data = data;
    link_->publish(message);
  }

  void try_held() {
    if (!held_ || Steady::now() < held_->until) return;
    const auto tag = held_->tag;
    held_.reset();
    offer(tag, taken_.at(tag));
  }

  Settings settings_;
  TaskConsumerOptions options_;
  messaging::TakeTask take_;
  ConfirmedLink aside_;  ///< for what is tried again later
  std::optional<Link> link_;
  std::shared_ptr<Settlements> settlements_ = std::make_shared<Settlements>();
  std::map<std::uint64_t, Incoming> taken_;  ///< by tag
  std::optional<Held> held_;                 ///< of an ordered queue: before its next try
  int connection_ = 0;                       ///< tags are of one
  int failures_ = 0;
};

}  // namespace

std::unique_ptr<messaging::Runner> run_task_consumer(const Settings& settings,
                                                     TaskConsumerOptions options,
                                                     messaging::TakeTask take) {
  return std::make_unique<Consumer>(settings, std::move(options), std::move(take));
}

}  // namespace stoa::rabbitmq
