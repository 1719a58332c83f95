#pragma once

#include <memory>
#include <optional>

#include "kernel/mediator/service_context.hpp"
#include "kernel/messaging/topic.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "services/notification/application/handover.hpp"
#include "services/notification/application/notifications.hpp"
#include "services/notification/contracts/events.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/payment/contracts/events.hpp"
#include "services/shop/contracts/events.hpp"

namespace stoa::notification {

/// The running service; ends after the executor and the readers have stopped.
class NotificationService {
 public:
  virtual ~NotificationService() = default;
  /// Ends what is being sent; before the executor stops, so that its results are recorded.
  virtual void stop() = 0;
  /// Has what is due handed to the queues of the channels that are configured, for a service that
  /// shares its work by tasks. The runner goes before stop().
  virtual std::unique_ptr<messaging::Runner> run_handover(HandoverParts parts) = 0;
  /// Of the channels that are configured.
  [[nodiscard]] virtual std::vector<messaging::QueuePlan> queues() const = 0;
  /// See Notifications::take_task.
  virtual void take_task(const messaging::ReceivedTask& received,
                         const messaging::Settle& settle) = 0;
};

std::unique_ptr<NotificationService> make_notification(
    ServiceContext& context, Topic<contracts::Event>& own,
    Topic<ordering::contracts::Event>& ordering, Topic<payment::contracts::Event>& payment,
    Topic<shop::contracts::Event>& shop, OrderSource& orders, telemetry::Metrics& metrics,
    NotificationOptions options);

/// Of requests for the preview of a template.
messaging::QueuePlan preview_queue();

sql::Migrations migrations();

/// The integration event of a stored one as type and JSON text, if it has one.
std::optional<NewEvent> published(const RecordedEvent& row);

}  // namespace stoa::notification
