#pragma once

#include <string>

#include "platform/rabbitmq/link.hpp"

namespace stoa::rabbitmq {

/// Keeps the dead letters of a queue.
std::string dead_of(const messaging::QueuePlan& plan);
/// Where a task waits before its next try, when it has had `tries`.
std::string waiting_of(const messaging::QueuePlan& plan, int tries);
Duration pause_after(const messaging::QueuePlan& plan, int tries);

/// Makes a queue with all that belongs to it, where it is missing. A Failure when it is there with
/// other arguments.
void declare(Link& link, const messaging::QueuePlan& plan);

/// The tasks of a queue that wait for their next try.
std::int64_t count_waiting(Link& link, const messaging::QueuePlan& plan);

}  // namespace stoa::rabbitmq
