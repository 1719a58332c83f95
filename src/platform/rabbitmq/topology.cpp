#include "platform/rabbitmq/topology.hpp"

#include <algorithm>

namespace stoa::rabbitmq {
namespace {

using Kind = messaging::QueuePlan::Kind;
using Arguments = std::vector<Argument>;

constexpr auto dead_exchange = "stoa.dead";
/// A look at dead letters takes and returns them, which counts as a delivery.
constexpr std::int64_t looks_max = 1'000'000;

std::string waiting_of(const messaging::QueuePlan& plan, Duration pause) {
  const auto pause_ms = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
  return plan.name + ".again." + std::to_string(pause_ms);
}

/// What a queue passes on stays in it until the next one has it on disk; that asks for an overflow
/// that refuses instead of dropping.
Arguments passing_on(const std::string& exchange, const std::string& key) {
  return {{"x-queue-type", "quorum"},
          {"x-dead-letter-exchange", exchange},
          {"x-dead-letter-routing-key", key},
          {"x-dead-letter-strategy", "at-least-once"},
          {"x-overflow", "reject-publish"}};
}

std::vector<Duration> pauses_of(const messaging::QueuePlan& plan) {
  if (plan.kind != Kind::tasks) return {};
  auto pauses = plan.pauses;
  std::ranges::sort(pauses);
  pauses.erase(std::unique(pauses.begin(), pauses.end()), pauses.end());
  return pauses;
}

}  // namespace

std::string dead_of(const messaging::QueuePlan& plan) { return plan.name + ".dead"; }

Duration pause_after(const messaging::QueuePlan& plan, int tries) {
  const auto nth = static_cast<std::size_t>(std::max(tries, 1) - 1);
  return plan.pauses[std::min(nth, plan.pauses.size() - 1)];
}

std::string waiting_of(const messaging::QueuePlan& plan, int tries) {
  return waiting_of(plan, pause_after(plan, tries));
}

void declare(Link& link, const messaging::QueuePlan& plan) {
  const std::int64_t deliveries_max = plan.deliveries_max;
  if (plan.kind == Kind::requests) {
    link.declare_queue(plan.name,
                       {{"x-queue-type", "quorum"}, {"x-delivery-limit", deliveries_max}});
    return;
  }
  link.declare_exchange(dead_exchange);
  link.declare_queue(dead_of(plan), {{"x-queue-type", "quorum"}, {"x-delivery-limit", looks_max}});
  link.bind(dead_of(plan), dead_exchange, plan.name);
  auto arguments = passing_on(dead_exchange, plan.name);
  arguments.emplace_back("x-delivery-limit", deliveries_max);
  if (plan.kind == Kind::ordered) arguments.emplace_back("x-single-active-consumer", true);
  link.declare_queue(plan.name, arguments);
  for (const auto pause : pauses_of(plan)) {
    auto waiting = passing_on("", plan.name);
    waiting.emplace_back(
        "x-message-ttl",
        std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(pause).count()});
    link.declare_queue(waiting_of(plan, pause), waiting);
  }
}

std::int64_t count_waiting(Link& link, const messaging::QueuePlan& plan) {
  std::int64_t count = 0;
  for (const auto pause : pauses_of(plan)) count += link.count(waiting_of(plan, pause)).ready;
  return count;
}

}  // namespace stoa::rabbitmq
