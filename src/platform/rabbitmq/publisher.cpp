#include "platform/rabbitmq/confirmed_link.hpp"
#include "platform/rabbitmq/tasks.hpp"

namespace stoa::rabbitmq {
namespace {

class Publisher final : public messaging::TaskPublisher {
 public:
  explicit Publisher(Settings settings) : link_(std::move(settings)) {}

  Result<void> publish(const messaging::QueuePlan& queue,
                       const std::vector<messaging::Task>& tasks) override {
    std::vector<Outgoing> messages;
    messages.reserve(tasks.size());
    for (const auto& task : tasks) messages.push_back({.key = queue.name, .task = task});
    try {
      link_.send(queue, messages);
      return {};
    } catch (const Failure& failure) {
      return fail(ErrorKind::unavailable, "tasks_not_confirmed", failure.what());
    }
  }

 private:
  ConfirmedLink link_;
};

}  // namespace

std::unique_ptr<messaging::TaskPublisher> make_task_publisher(Settings settings) {
  return std::make_unique<Publisher>(std::move(settings));
}

}  // namespace stoa::rabbitmq
