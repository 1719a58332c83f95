#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "platform/rabbitmq/link.hpp"

namespace stoa::rabbitmq {

/// A link that publishes and waits until the broker has it on disk. It is made when it is first
/// used, and anew after a failure or a pause: who is silent is put out by the broker.
class ConfirmedLink {
 public:
  explicit ConfirmedLink(Settings settings) : settings_(std::move(settings)) {}
  /// After a Failure it is not known which of them arrived.
  void send(const messaging::QueuePlan& plan, const std::vector<Outgoing>& messages);

 private:
  void prepare(const messaging::QueuePlan& plan);

  Settings settings_;
  std::optional<Link> link_;
  std::set<std::string> declared_;
  std::chrono::steady_clock::time_point used_;
};

}  // namespace stoa::rabbitmq
