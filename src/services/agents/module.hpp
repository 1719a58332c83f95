#pragma once

#include <memory>
#include <optional>

#include "kernel/mediator/service_context.hpp"
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

sql::Migrations migrations();

/// The integration event of a stored one as type and JSON text, if it has one.
std::optional<NewEvent> published(const RecordedEvent& row);

}  // namespace stoa::agents
