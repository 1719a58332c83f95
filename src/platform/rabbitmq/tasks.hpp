#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kernel/messaging/runners.hpp"
#include "kernel/messaging/task_queue.hpp"
#include "platform/rabbitmq/settings.hpp"

namespace stoa::rabbitmq {

/// Queues on RabbitMQ 3.10 or newer: quorum queues, publisher's confirmations, acknowledgements
/// after the effect. What is to be tried again waits in `<queue>.again.<ms>`, a queue that passes
/// on what is older; an ordered one keeps it at its consumer. Dead letters go to `<queue>.dead`.
std::unique_ptr<messaging::TaskPublisher> make_task_publisher(Settings settings);

/// Asks over the broker's direct reply-to, on a thread of its own, which is stopped at the latest
/// when it is destroyed: nothing is left behind of a question.
std::unique_ptr<messaging::TaskCaller> make_task_caller(Settings settings);

struct TaskConsumerOptions {
  messaging::QueuePlan queue;
  std::uint16_t at_once = 8;  ///< taken and not ended; 1 for an ordered queue, whatever this says
  std::function<void(const std::string&)> warn;
};

/// Gives the queue's tasks to `take` on a thread of its own. When the connection is lost it makes
/// another, with pauses that grow to ten seconds; what was not ended comes again then, here or
/// elsewhere. Ends within the answer timeout when it is destroyed.
std::unique_ptr<messaging::Runner> run_task_consumer(const Settings& settings,
                                                     TaskConsumerOptions options,
                                                     messaging::TakeTask take);

}  // namespace stoa::rabbitmq
