#include "platform/rabbitmq/confirmed_link.hpp"

#include "platform/rabbitmq/topology.hpp"

namespace stoa::rabbitmq {
namespace {

constexpr std::size_t unconfirmed_max = 256;

}  // namespace

void ConfirmedLink::send(const messaging::QueuePlan& plan, const std::vector<Outgoing>& messages) {
  try {
    prepare(plan);
    std::size_t unconfirmed = 0;
    for (const auto& message : messages) {
      link_->publish(message);
      if (++unconfirmed < unconfirmed_max) continue;
      link_->wait_for_confirmations();
      unconfirmed = 0;
    }
    link_->wait_for_confirmations();
    used_ = std::chrono::steady_clock::now();
  } catch (const Failure&) {
    link_.reset();
    throw;
  }
}

void ConfirmedLink::prepare(const messaging::QueuePlan& plan) {
  if (link_ && std::chrono::steady_clock::now() - used_ > settings_.heartbeat) link_.reset();
  if (!link_) {
    declared_.clear();
    link_.emplace(settings_);
    link_->ask_for_confirmations();
  }
  if (declared_.contains(plan.name)) return;
  declare(*link_, plan);
  declared_.insert(plan.name);
}

}  // namespace stoa::rabbitmq
