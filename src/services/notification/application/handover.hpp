#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/mediator/executor.hpp"
#include "kernel/messaging/runners.hpp"
#include "kernel/messaging/task_queue.hpp"
#include "services/notification/application/notification_store.hpp"

namespace stoa::notification {

/// The tasks of a channel: `notification.email`, `notification.sms`. Each names a notification.
messaging::QueuePlan queue_of(Channel channel);

struct HandoverParts {
  std::unique_ptr<messaging::TaskPublisher> publisher;
  std::vector<Channel> channels;
  /// Whether this process is the one that hands over; others step in for what is late.
  std::function<bool()> is_leader;
  Duration again_after = std::chrono::minutes(5);  ///< what was handed over and is not sent still
  std::function<void(const std::string&)> warn;
};

/// Publishes a task for each notification that is due, and marks its row when that is confirmed.
/// So the queue may lose or double what it wants: the row comes again until it is sent. What it
/// refers to outlives it, and the executor takes work as long as it runs.
std::unique_ptr<messaging::Runner> run_handover(HandoverParts parts, const Clock& clock,
                                                Readers& readers,
                                                const NotificationQueries& queries,
                                                Executor& executor, NotificationStore& store);

}  // namespace stoa::notification
