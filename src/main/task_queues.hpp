#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernel/messaging/task_queue.hpp"
#include "main/configuration.hpp"
#include "platform/rabbitmq/settings.hpp"

namespace stoa {

/// What `RabbitMQ` describes; nothing without a host.
std::optional<rabbitmq::Settings> rabbitmq_settings(const Configuration& configuration);

/// Asks over that RabbitMQ; null without one.
std::unique_ptr<messaging::TaskCaller> task_caller(const Configuration& configuration);
/// How long an answer is awaited.
Duration request_timeout(const Configuration& configuration);

/// All queues of tasks and requests that the services have.
std::vector<messaging::QueuePlan> task_queues();

}  // namespace stoa
