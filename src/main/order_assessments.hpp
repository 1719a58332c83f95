#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/base/clock.hpp"
#include "kernel/mediator/readers.hpp"
#include "kernel/messaging/task_queue.hpp"
#include "services/agents/module.hpp"
#include "services/ordering/application/assessment_source.hpp"

namespace stoa {

/// Asks Agents in the same process. `readers` are Agents' and outlive it.
std::unique_ptr<ordering::AssessmentSource> make_assessment_source(Readers& readers,
                                                                   agents::FraudOptions options);

/// Asks a replica of Agents over its queue of requests, and waits `deadline` for it. Null `caller`:
/// there is no RabbitMQ, and everything is refused. `caller` and `clock` outlive it.
std::unique_ptr<ordering::AssessmentSource> make_remote_assessment_source(
    messaging::TaskCaller* caller, Duration deadline, const Clock& clock);

/// What a replica of Agents does with a request of that queue. `readers` outlive it.
messaging::TakeTask answers_assessments(Readers& readers, agents::FraudOptions options,
                                        std::function<void(const std::string&)> warn);

}  // namespace stoa
