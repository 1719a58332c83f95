#include "kernel/eventlog/subscription.hpp"

#include <algorithm>
#include <utility>

#include "kernel/base/planted.hpp"

namespace stoa {

Checkpoints::Checkpoints(sql::Connection& db, std::string_view prefix) : db_(db) {
  const auto table = std::string(prefix) + "checkpoint";
  find_ = "SELECT position FROM " + table + " WHERE name = ?";
  set_ = "INSERT INTO " + table +
         "(name, position) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET position = "
         "excluded.position";
  remove_ = "DELETE FROM " + table + " WHERE name = ?";
}

std::string Checkpoints::schema(std::string_view prefix) {
  return "CREATE TABLE " + std::string(prefix) +
         "checkpoint(name TEXT NOT NULL PRIMARY KEY, position INTEGER NOT NULL);";
}

std::int64_t Checkpoints::of(std::string_view subscriber) {
  return db_.one(find_, [](const sql::Row& row) { return row.integer(0); }, subscriber).value_or(0);
}

void Checkpoints::set(std::string_view subscriber, std::int64_t position) {
  db_.execute(set_, subscriber, position);
}

void Checkpoints::remove(std::string_view subscriber) { db_.execute(remove_, subscriber); }

Subscription::Subscription(EventLog& log, Checkpoints& checkpoints, Options options, Apply apply)
    : log_(log),
      checkpoints_(checkpoints),
      options_(std::move(options)),
      apply_(std::move(apply)) {}

bool Subscription::wants(const RecordedEvent& event) const {
  const auto& types = options_.types;
  return types.empty() || std::ranges::find(types, event.type) != types.end();
}

bool Subscription::slice(UnitOfWork& unit) {
  if (seen_ >= 0 && log_.durable_head() <= seen_) return false;
  auto position = planted(Defect::inbox_position_ignored) ? 0 : checkpoints_.of(options_.name);
  const auto begun_at = position;
  std::size_t looked_at = 0;
  std::vector<RecordedEvent> events;
  const auto skipped = planted(Defect::off_by_one_in_position) && position > 0 ? 1 : 0;
  log_.read_all(position + skipped, [&](const RecordedEvent& event) {
    position = event.position;
    if (wants(event)) events.push_back(event);
    return ++looked_at < options_.slice_events_max;
  });
  if (planted(Defect::checkpoint_before_effect))
    unit.after_commit([this, &unit, late = std::exchange(events, {})] {
      if (!late.empty()) apply_(unit, late);
    });
  if (!events.empty()) apply_(unit, events);
  at_point(Point::before_checkpoint);
  if (position > begun_at) checkpoints_.set(options_.name, position);
  at_point(Point::after_checkpoint);
  unit.after_commit([this, position] { seen_ = position; });
  return looked_at == options_.slice_events_max;
}

}  // namespace stoa
