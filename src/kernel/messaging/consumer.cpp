#include "kernel/messaging/consumer.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <thread>

namespace stoa::messaging {

/// What became of a batch.
struct Consumer::Outcome {
  bool is_durable = false;
  std::int64_t taken = 0;
  std::int64_t repeats = 0;
  std::int64_t parked = 0;
  /// Lanes that go no further, the offset they stop at and why.
  std::map<Lane, std::pair<std::int64_t, std::string>> stopped;
};

bool Consumer::step(Duration wait) {
  const auto batch = parts_.source.receive(options_.batch_max, wait);
  if (batch.empty()) return false;
  const auto outcome = apply(batch, {});
  if (!outcome.is_durable) {
    one_by_one(batch);
  } else {
    stand_still(outcome);
  }
  return true;
}

Consumer::Outcome Consumer::apply(const Batch& batch, const std::string& park_reason) {
  std::promise<bool> durable;
  auto is_durable = durable.get_future();
  Outcome outcome;
  const bool submitted = parts_.executor.submit(
      {.lane = Executor::Lane::inside,
       .weight = static_cast<int>(batch.size()),
       .cause = {.actor = "system", .causation = "message"},
       .run =
           [&](UnitOfWork& unit) {
             outcome = {};  // it may run again
             for (const auto& one : batch) take_one(unit, one, outcome, park_reason);
           },
       .done = [&](const Error* failure) { durable.set_value(failure == nullptr); }});
  outcome.is_durable = submitted && is_durable.get();
  if (!outcome.is_durable) return {};
  taken_ += outcome.taken;
  repeats_ += outcome.repeats;
  parked_ += outcome.parked;
  if (outcome.parked > 0)
    parts_.warn(std::to_string(outcome.parked) + " messages were put aside: see the parked ones.");
  return outcome;
}

void Consumer::take_one(UnitOfWork& unit, const Source::Received& one, Outcome& outcome,
                        const std::string& park_reason) {
  const auto& message = one.message;
  if (outcome.stopped.contains(message.lane)) return;
  if (!one.fault.empty()) {
    parts_.park(unit, {one, one.fault});
    parts_.inbox.skip(message.lane, one.offset);
    ++outcome.parked;
    return;
  }
  const auto verdict = parts_.inbox.judge(message);
  switch (verdict) {
    case Inbox::Verdict::repeat:
      ++outcome.repeats;
      return;
    case Inbox::Verdict::gap:
      outcome.stopped[message.lane] = {
          one.offset,
          "a message before position " + std::to_string(message.position) + " has not come"};
      return;
    case Inbox::Verdict::other_epoch:
      outcome.stopped[message.lane] = {one.offset, "its publisher's log is in epoch " +
                                                       std::to_string(message.epoch) +
                                                       ": it was restored from a backup"};
      return;
    case Inbox::Verdict::next:
      break;
  }
  if (!park_reason.empty()) {
    parts_.park(unit, {one, park_reason});
    ++outcome.parked;
  } else {
    unit.set_cause({.actor = "system",
                    .causation = message.id,
                    .correlation = {},
                    .traceparent = message.traceparent});
    parts_.apply(unit, message);
    unit.drain_reactions();
  }
  parts_.inbox.take(message, one.offset);
  ++outcome.taken;
}

void Consumer::one_by_one(const Batch& batch) {
  std::vector<Lane> given_up;
  for (const auto& one : batch) {
    const auto& lane = one.message.lane;
    if (std::ranges::find(given_up, lane) != given_up.end()) continue;
    std::optional<Outcome> outcome;
    for (int tries = 0; tries < options_.tries_max; ++tries) {
      outcome = apply({one}, {});
      if (outcome->is_durable) break;
      std::this_thread::sleep_for(options_.pause);
    }
    if (!outcome->is_durable) {
      // What keeps one message from being taken may keep all: a database that is away parks
      // nothing.
      const auto reason = "it failed " + std::to_string(options_.tries_max) + " times";
      outcome = apply({one}, reason);
    }
    if (outcome->is_durable && outcome->stopped.empty()) continue;
    if (!outcome->is_durable) parts_.source.go_back(lane, one.offset);
    stand_still(*outcome);
    given_up.push_back(lane);
  }
}

void Consumer::stand_still(const Outcome& outcome) {
  for (const auto& [lane, why] : outcome.stopped) {
    ++gaps_;
    parts_.warn("The messages of " + lane.topic + "/" + std::to_string(lane.partition) +
                " are not taken: " + why.second + ".");
    parts_.source.go_back(lane, why.first);
  }
  if (!outcome.stopped.empty()) std::this_thread::sleep_for(options_.pause);
}

}  // namespace stoa::messaging
