#pragma once

#include <memory>
#include <optional>

#include "kernel/mediator/service_context.hpp"
#include "kernel/messaging/task_queue.hpp"
#include "kernel/messaging/topic.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/ordering/contracts/events.hpp"

namespace stoa::agents {

struct FraudOptions {
  std::int64_t reject_at = 0;  ///< 0: only the test token is rejected
};

/// The running service; ends after the executor has stopped.
class Agents {
 public:
  virtual ~Agents() = default;
};

std::unique_ptr<Agents> make_agents(ServiceContext& context, Topic<contracts::Event>& own,
                                    Topic<ordering::contracts::Event>& ordering,
                                    FraudOptions options);

/// Judges an order by what is known now; nothing of it is written down. On a reader thread.
contracts::FraudAssessed assess_anew(Store store,
                                     const ordering::contracts::AssessmentRequested& order,
                                     FraudOptions options);

/// Of requests for that: an `ordering.AssessmentRequested` is answered by a `FraudAssessed`.
messaging::QueuePlan assessment_queue();

sql::Migrations migrations();

/// The integration event of a stored one as type and JSON text, if it has one.
std::optional<NewEvent> published(const RecordedEvent& row);

}  // namespace stoa::agents
