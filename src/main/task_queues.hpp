#pragma once

#include <optional>
#include <vector>

#include "kernel/messaging/task_queue.hpp"
#include "main/configuration.hpp"
#include "platform/rabbitmq/settings.hpp"

namespace stoa {

/// What `RabbitMQ` describes; nothing without a host.
std::optional<rabbitmq::Settings> rabbitmq_settings(const Configuration& configuration);

/// All queues of tasks that the services have.
std::vector<messaging::QueuePlan> task_queues();

}  // namespace stoa
