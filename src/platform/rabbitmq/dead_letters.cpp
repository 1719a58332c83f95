#include "platform/rabbitmq/dead_letters.hpp"

#include "platform/rabbitmq/topology.hpp"

namespace stoa::rabbitmq {

QueueFigures figures(const Settings& settings, const messaging::QueuePlan& plan) {
  Link link(settings);
  declare(link, plan);
  const auto own = link.count(plan.name);
  const bool keeps_dead = plan.kind != messaging::QueuePlan::Kind::requests;
  return {own.ready, count_waiting(link, plan), keeps_dead ? link.count(dead_of(plan)).ready : 0,
          own.consumers};
}

std::vector<messaging::ReceivedTask> dead_letters(const Settings& settings,
                                                  const messaging::QueuePlan& plan,
                                                  std::size_t most) {
  Link link(settings);
  declare(link, plan);
  std::vector<messaging::ReceivedTask> found;
  while (found.size() < most) {
    auto letter = link.get(dead_of(plan));
    if (!letter) break;
    found.push_back({std::move(letter->task), letter->tries});
  }
  return found;  // what is not acknowledged goes back when the link ends
}

std::int64_t replay(const Settings& settings, const messaging::QueuePlan& plan,
                    const std::optional<std::string>& id) {
  Link link(settings);
  declare(link, plan);
  link.ask_for_confirmations();
  std::int64_t replayed = 0;
  for (auto left = link.count(dead_of(plan)).ready; left > 0; --left) {
    auto letter = link.get(dead_of(plan));
    if (!letter) break;
    if (id && letter->task.id != *id) continue;
    link.publish({.key = plan.name, .task = std::move(letter->task)});
    link.wait_for_confirmations();
    link.acknowledge(letter->tag);
    ++replayed;
  }
  return replayed;
}

}  // namespace stoa::rabbitmq
