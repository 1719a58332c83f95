#include <optional>

#include "platform/rabbitmq/tasks.hpp"
#include "platform/rabbitmq/topology.hpp"

namespace stoa::rabbitmq {
namespace {

using Steady = std::chrono::steady_clock;

class Caller final : public messaging::TaskCaller {
 public:
  explicit Caller(Settings settings) : settings_(std::move(settings)) {}

  Result<std::string> ask(const messaging::QueuePlan& queue, const messaging::Task& task,
                          Duration deadline) override {
    const auto end = Steady::now() + deadline;
    try {
      prepare(queue);
      const auto correlation = std::to_string(++asked_);
      link_->publish({.key = queue.name,
                      .task = task,
                      .correlation_id = correlation,
                      .reply_to = Link::answers_come,
                      .lives = std::max(std::chrono::milliseconds(1),
                                        std::chrono::duration_cast<std::chrono::milliseconds>(
                                            end - Steady::now()))});
      for (auto now = Steady::now(); now < end; now = Steady::now()) {
        auto incoming = link_->receive(std::chrono::duration_cast<Duration>(end - now));
        used_ = Steady::now();
        if (incoming && incoming->correlation_id == correlation)
          return std::move(incoming->task.data);
      }
      return fail(ErrorKind::unavailable, "no_answer", "No answer came in time.");
    } catch (const Failure& failure) {
      link_.reset();
      return fail(ErrorKind::unavailable, "no_answer", failure.what());
    }
  }

 private:
  void prepare(const messaging::QueuePlan& queue) {
    if (link_ && Steady::now() - used_ > settings_.heartbeat) link_.reset();
    if (!link_) {
      link_.emplace(settings_);
      link_->consume_answers();
      used_ = Steady::now();
    }
    declare(*link_, queue);
  }

  Settings settings_;
  std::optional<Link> link_;
  Steady::time_point used_;
  std::int64_t asked_ = 0;
};

}  // namespace

std::unique_ptr<messaging::TaskCaller> make_task_caller(Settings settings) {
  return std::make_unique<Caller>(std::move(settings));
}

}  // namespace stoa::rabbitmq
