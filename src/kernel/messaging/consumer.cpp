#include "kernel/messaging/consumer.hpp"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "kernel/mediator/run_and_wait.hpp"

namespace stoa::messaging {

/// What became of a batch.
struct Consumer::Outcome {
  std::vector<Timestamp> taken;  ///< when what had an effect was recorded
  std::int64_t without_effect = 0;
  std::int64_t repeats = 0;
  std::int64_t parked = 0;
  std::map<Lane, std::string> passed_over;  ///< and why; of each lane the first
  std::set<Lane> moved;                     ///< lanes that one of their own was taken of
  std::map<Lane, Gap> gaps;
};

bool Consumer::step(Duration wait) {
  ask_for_missing();
  const auto batch = receive(wait);
  if (batch.empty()) return false;
  if (!apply(batch, {})) one_by_one(batch);
  return true;
}

Consumer::Batch Consumer::receive(Duration wait) {
  using Steady = std::chrono::steady_clock;
  if (!held_.empty())
    wait = std::clamp(std::chrono::duration_cast<Duration>(held_until_ - Steady::now()),
                      Duration::zero(), wait);
  auto received = parts_.source.receive(options_.batch_max, wait);
  parts_.figures.set_waiting(parts_.source.waiting());
  if (held_.empty()) held_until_ = Steady::now() + options_.hold_max;
  bool is_worth_it = false;
  for (auto& one : received) {
    auto effect = one.fault.empty() ? parts_.effect_of(one.message) : std::nullopt;
    is_worth_it = is_worth_it || effect || !one.fault.empty();
    held_.push_back({std::move(one), std::move(effect)});
  }
  const bool is_full = held_.size() >= options_.batch_max;
  if (!is_worth_it && !is_full && Steady::now() < held_until_) return {};
  return std::exchange(held_, {});
}

bool Consumer::apply(const Batch& batch, const std::string& park_reason) {
  Outcome outcome;
  const auto effects =
      std::ranges::count_if(batch, [](const One& one) { return one.effect.has_value(); });
  const bool is_durable = commit(
      std::max(1, static_cast<int>(effects)),
      [&](UnitOfWork& unit) {
        outcome = {};  // it may run again
        for (const auto& one : batch) take_one(unit, one, outcome, park_reason);
      },
      [&] {
        for (const auto& one : batch)
          if (one.effect && one.effect->prefetch) one.effect->prefetch();
      });
  if (is_durable) account(outcome);
  return is_durable;
}

bool Consumer::commit(int weight, std::function<void(UnitOfWork&)> run,
                      std::function<void()> prefetch) {
  return run_and_wait(parts_.executor, {.lane = Executor::Lane::inside,
                                        .weight = weight,
                                        .cause = {.actor = "system", .causation = "message"},
                                        .run = std::move(run),
                                        .done = {},
                                        .commands = weight,
                                        .prefetch = std::move(prefetch)});
}

void Consumer::account(const Outcome& outcome) {
  parts_.figures.took(outcome.taken, outcome.without_effect);
  parts_.figures.add_repeats(outcome.repeats);
  parts_.figures.add_parked(outcome.parked);
  if (outcome.parked > 0)
    parts_.warn(std::to_string(outcome.parked) + " messages were put aside: see the parked ones.");
  if (!outcome.taken.empty() || outcome.without_effect > 0) warned_.clear();
  for (const auto& [lane, why] : outcome.passed_over) {
    parts_.figures.add_gap();
    if (warned_.insert(lane).second)
      parts_.warn("Messages of " + lane.topic + "/" + std::to_string(lane.partition) +
                  " are passed over: " + why);
  }
  for (const auto& lane : outcome.moved) missing_.erase(lane);
  for (auto [lane, gap] : outcome.gaps) {
    gap.pause = options_.gap_pause;
    gap.due = std::chrono::steady_clock::now() + gap.pause;
    auto& known = missing_.try_emplace(lane, gap).first->second;
    // Something that was missing was replayed: what stands behind it may be taken soon.
    if (known.position != gap.position) known = gap;
    known.offset = gap.offset;
    known.is_read_again = false;
  }
}

void Consumer::ask_for_missing() {
  constexpr int longest = 32;
  constexpr int asks_before_all = 3;
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(missing_, [&](const auto& one) {
    return now >= one.second.due && one.second.is_read_again;  // and nothing was missing
  });
  for (auto& [lane, gap] : missing_) {
    if (now < gap.due) continue;
    gap.due = now + gap.pause;
    gap.pause = std::min(2 * gap.pause, longest * options_.gap_pause);
    gap.is_read_again = true;
    // A topic that was made anew has other offsets: what is missing may stand before.
    const bool wants_all = gap.asked++ == asks_before_all;
    parts_.source.go_back(lane, wants_all ? 0 : gap.offset);
  }
}

void Consumer::move_on(const Source::Received& one, const Outcome& outcome) {
  const auto& lane = one.message.carrier();
  const auto known = missing_.find(lane);
  const bool must_be_read_again =
      outcome.gaps.contains(lane) || (known != missing_.end() && !known->second.is_read_again);
  if (!must_be_read_again) parts_.inbox.skip(lane, one.offset);
}

void Consumer::take_one(UnitOfWork& unit, const One& taken, Outcome& outcome,
                        const std::string& park_reason) {
  const auto& [one, effect] = taken;
  const auto& message = one.message;
  if (!one.fault.empty()) {
    parts_.park(unit, {one, one.fault});
    parts_.inbox.skip(message.carrier(), one.offset);
    ++outcome.parked;
    return;
  }
  const bool is_replay = message.replay_lane.has_value();
  const auto verdict = parts_.inbox.judge(message);
  switch (verdict) {
    case Inbox::Verdict::repeat:
      ++outcome.repeats;
      if (is_replay) move_on(one, outcome);
      return;
    case Inbox::Verdict::gap:
      // Its publisher sends again what was not confirmed, this one behind what is missing.
      return pass_over_gap(message, outcome);
    case Inbox::Verdict::other_epoch:
      outcome.passed_over.emplace(message.carrier(), "their publisher's log is in epoch " +
                                                         std::to_string(message.epoch) +
                                                         ": it was restored from a backup.");
      if (is_replay) move_on(one, outcome);
      return;
    case Inbox::Verdict::next:
      break;
  }
  if (!park_reason.empty()) {
    parts_.park(unit, {one, park_reason});
    ++outcome.parked;
  } else if (effect) {
    unit.set_cause({.actor = "system",
                    .causation = message.id,
                    .correlation = {},
                    .traceparent = message.traceparent});
    effect->run(unit);
    unit.drain_reactions();
  }
  parts_.inbox.take(message, one.offset);
  if (is_replay) {
    move_on(one, outcome);
  } else {
    outcome.moved.insert(message.lane);
    outcome.gaps.erase(message.lane);
  }
  if (effect)
    outcome.taken.push_back(message.time);
  else
    ++outcome.without_effect;
}

void Consumer::pass_over_gap(const Message& message, Outcome& outcome) {
  const auto& carrier = message.carrier();
  const auto last = parts_.inbox.place(message.lane).position;
  outcome.gaps.insert_or_assign(carrier, Gap{.offset = parts_.inbox.place(carrier).offset,
                                             .position = message.replay_lane ? 0 : last});
  if (outcome.passed_over.contains(carrier)) return;
  auto why = "one before position " + std::to_string(message.position) + " has not come.";
  const auto publisher = message.source.substr(message.source.starts_with('/') ? 1 : 0);
  if (parts_.advise) why += " " + parts_.advise(publisher, last + 1);
  outcome.passed_over.emplace(carrier, std::move(why));
}

void Consumer::one_by_one(const Batch& batch) {
  for (auto one = batch.begin(); one != batch.end(); ++one) {
    bool is_done = apply({*one}, {});
    for (int tries = 1; !is_done; ++tries) {
      // What the store cannot take is not the message's fault: it would be put aside for nothing.
      if (!is_store_well()) return all_again({one, batch.end()});
      const auto reason = "it failed " + std::to_string(tries) + " times";
      std::this_thread::sleep_for(options_.pause);
      is_done = apply({*one}, tries < options_.tries_max ? std::string() : reason);
    }
  }
}

bool Consumer::is_store_well() {
  return commit(1, [](UnitOfWork&) {});
}

void Consumer::all_again(const Batch& rest) {
  std::map<Lane, std::int64_t> first;
  for (const auto& [one, effect] : rest) first.emplace(one.message.carrier(), one.offset);
  for (const auto& [lane, offset] : first) parts_.source.go_back(lane, offset);
  std::this_thread::sleep_for(options_.pause);
}

}  // namespace stoa::messaging
