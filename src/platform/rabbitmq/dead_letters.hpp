#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/messaging/task_queue.hpp"
#include "platform/rabbitmq/settings.hpp"

/// For an operator. Each connects for itself, makes the queue where it is missing, and throws
/// Failure.
namespace stoa::rabbitmq {

struct QueueFigures {
  std::int64_t ready = 0;      ///< nobody has taken them
  std::int64_t waiting = 0;    ///< for their next try
  std::int64_t dead = 0;       ///< letters
  std::int64_t consumers = 0;  ///< of the queue
};

QueueFigures figures(const Settings& settings, const messaging::QueuePlan& plan);

/// The first dead letters, with the tries they had. They stay; until it returns, nobody else sees
/// them.
std::vector<messaging::ReceivedTask> dead_letters(const Settings& settings,
                                                  const messaging::QueuePlan& plan,
                                                  std::size_t most);

/// Puts dead letters back into their queue, all or those with an id, and gives how many. One that
/// is put back when the connection breaks may stand in both.
std::int64_t replay(const Settings& settings, const messaging::QueuePlan& plan,
                    const std::optional<std::string>& id);

}  // namespace stoa::rabbitmq
