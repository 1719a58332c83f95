#include "simulation/bus.hpp"

#include <algorithm>

namespace stoa::simulation {
namespace {

std::string stream_of(const Delivery& delivery) {
  return delivery.event_id.substr(0, delivery.event_id.rfind('@'));
}

std::size_t partition_of(const std::string& stream) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return (hash >> 32) % Bus::partitions;
}

}  // namespace

void Bus::note(const std::string& topic, const Delivery& delivery) {
  const auto stream = stream_of(delivery);
  db_.execute("INSERT INTO sim_seen VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING", topic,
              delivery.position, stream, delivery.event_id);
  if (db_.changes() == 0) return;  // again
  const auto newest = db_.one(
      "SELECT max(position) FROM sim_seen WHERE topic = ? AND stream = ?",
      [](const sql::Row& row) { return row.integer(0); }, topic, stream);
  if (newest.value_or(0) > delivery.position)
    world_.found("I6: " + topic + " brought " + delivery.event_id + " after what follows it");
}

/// What the log held before this life began: less what each subscriber has done with it.
void Bus::recover() {
  for (auto& [topic, subscriber, message] : pending_) {
    auto& queue = queue_of(topic, subscriber, message.delivery);
    const auto done = db_.one(
        "SELECT position FROM sim_checkpoint WHERE topic = ? AND subscriber = ? AND part = ?",
        [](const sql::Row& row) { return row.integer(0); }, topic, subscriber, queue.part);
    if (message.delivery.position <= done.value_or(0)) continue;
    queue.waiting.push_back(std::move(message));
    pump(queue);
  }
  pending_.clear();
}

Bus::Queue& Bus::queue_of(const std::string& topic, std::size_t subscriber,
                          const Delivery& delivery) {
  const auto part = partition_of(stream_of(delivery));
  auto name = topic;
  name.append("/").append(std::to_string(subscriber)).append("/").append(std::to_string(part));
  auto& queue = queues_[name];
  queue.topic = topic;
  queue.subscriber = subscriber;
  queue.part = part;
  return queue;
}

void Bus::committed() noexcept {
  for (auto& [topic, subscriber, message] : pending_) {
    auto& queue = queue_of(topic, subscriber, message.delivery);
    queue.waiting.push_back(std::move(message));
    pump(queue);
  }
  pending_.clear();
}

void Bus::pump(Queue& queue) {
  if (queue.is_busy || queue.waiting.empty()) return;
  queue.is_busy = true;
  auto& random = world_.random;
  const auto delay = world_.is_quiet || random.chance(80) ? random.between(100, 30'000)
                                                          : random.between(0, 6'000'000);
  world_.inside_after(std::chrono::microseconds(delay), [this, &queue] { bring(queue); });
}

void Bus::bring(Queue& queue) {
  constexpr std::size_t recent_max = 4;
  const auto count =
      std::min(queue.waiting.size(), static_cast<std::size_t>(world_.random.between(1, 3)));
  const std::vector<Message> messages(queue.waiting.begin(),
                                      queue.waiting.begin() + static_cast<std::ptrdiff_t>(count));
  const auto run = [this, messages, &queue](UnitOfWork& unit) {
    for (const auto& message : messages) message.handle(unit);
    db_.execute(
        "INSERT INTO sim_checkpoint VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " position = max(position, excluded.position)",
        queue.topic, queue.subscriber, queue.part, messages.back().delivery.position);
  };
  const auto done = [this, count, &queue](const Error* failure) {
    queue.is_busy = false;
    for (std::size_t at = 0; failure == nullptr && at < count; ++at) {
      queue.recent.push_back(std::move(queue.waiting.front()));
      queue.waiting.pop_front();
      if (queue.recent.size() > recent_max) queue.recent.pop_front();
    }
    // Again from a little before, as after a consumer that died before it told how far it was.
    if (failure == nullptr && world_.happens(world_.faults.event_doubled)) {
      auto again = static_cast<std::size_t>(
          world_.random.between(1, static_cast<std::int64_t>(queue.recent.size())));
      for (; again > 0; --again) {
        queue.waiting.push_front(std::move(queue.recent.back()));
        queue.recent.pop_back();
      }
    }
    pump(queue);
  };
  static_cast<void>(executor_.submit(
      {Executor::Lane::inside, static_cast<int>(count), {.actor = "bus"}, run, done}));
}

bool Bus::is_empty() const {
  return std::ranges::all_of(queues_,
                             [](const auto& queue) { return queue.second.waiting.empty(); });
}

void Bus::check() const {
  for (const auto& [topic, each_published] : published_) {
    std::vector<std::pair<std::int64_t, std::string>> seen;
    db_.query(
        "SELECT position, event_id FROM sim_seen WHERE topic = ? ORDER BY position",
        [&](const sql::Row& row) { seen.emplace_back(row.integer(0), row.text(1)); }, topic);
    std::size_t at = 0;
    each_published([&](const Delivery& delivery) {
      if (at < seen.size() && seen[at].first == delivery.position &&
          seen[at].second == delivery.event_id) {
        ++at;
      } else {
        world_.found("I6, I12: a subscriber of " + topic + " never saw " + delivery.event_id);
      }
    });
    if (at != seen.size()) world_.found("I6: " + topic + " brought what no log published");
  }
}

}  // namespace stoa::simulation
