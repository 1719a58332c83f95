#pragma once

#include <functional>
#include <string>

#include "kernel/base/result.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/ordering/contracts/events.hpp"

namespace stoa::ordering {

/// Has Agents judge an order anew. What it says is nowhere written down, there or here.
class AssessmentSource {
 public:
  using Then = std::function<void(Result<agents::contracts::FraudAssessed>)>;
  virtual ~AssessmentSource() = default;
  /// Calls `then` once, on any thread: `no_answer` (timeout) when Agents has not answered in time,
  /// `agents_unavailable` or `overloaded` (both unavailable) when it cannot be asked.
  virtual void assess(const contracts::AssessmentRequested& order, const std::string& traceparent,
                      Then then) = 0;
};

}  // namespace stoa::ordering
