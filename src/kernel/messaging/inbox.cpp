#include "kernel/messaging/inbox.hpp"

#include "kernel/base/planted.hpp"

namespace stoa::messaging {

Inbox::Inbox(sql::Connection& db, std::string_view prefix) : db_(db) {
  const auto table = std::string(prefix) + "inbox";
  find_all_ = "SELECT topic, part, epoch, position, next_offset FROM " + table;
  set_ = "INSERT INTO " + table +
         "(topic, part, epoch, position, next_offset) VALUES(?, ?, ?, ?, ?)"
         " ON CONFLICT(topic, part) DO UPDATE SET epoch = excluded.epoch,"
         " position = excluded.position, next_offset = excluded.next_offset";
}

std::string Inbox::schema(std::string_view prefix) {
  return "CREATE TABLE " + std::string(prefix) +
         "inbox(topic TEXT NOT NULL, part INTEGER NOT NULL, epoch INTEGER NOT NULL,"
         " position INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY(topic, part))"
         " WITHOUT ROWID;";
}

Inbox::Place Inbox::place(const Lane& lane) {
  if (const auto known = places_.find(lane); known != places_.end()) return known->second;
  // A service takes of some ten lanes: who asks for one will ask for the others.
  db_.query(find_all_, [&](const sql::Row& row) {
    places_.emplace(Lane{std::string(row.text(0)), static_cast<int>(row.integer(1))},
                    Place{row.integer(2), row.integer(3), row.integer(4)});
  });
  return places_.emplace(lane, Place{}).first->second;
}

Inbox::Verdict Inbox::judge(const Message& message) {
  const auto last = place(message.lane);
  if (last.epoch != 0 && message.epoch != last.epoch) return Verdict::other_epoch;
  if (message.position <= last.position && !planted(Defect::inbox_position_ignored))
    return Verdict::repeat;
  const bool follows = message.previous_position == last.position;
  return follows || planted(Defect::gap_ignored) ? Verdict::next : Verdict::gap;
}

void Inbox::take(const Message& message, std::int64_t offset) {
  const bool is_its_own = !message.replay_lane;
  const auto next = is_its_own ? offset + 1 : place(message.lane).offset;
  put(message.lane, {message.epoch, message.position, next});
}

void Inbox::skip(const Lane& lane, std::int64_t offset) {
  auto moved = place(lane);
  moved.offset = offset + 1;
  put(lane, moved);
}

void Inbox::put(const Lane& lane, const Place& place) {
  places_[lane] = place;
  changed_[lane] = place;
}

void Inbox::flush(UnitOfWork&) {
  for (const auto& [lane, place] : changed_)
    db_.execute(set_, lane.topic, lane.partition, place.epoch, place.position, place.offset);
  changed_.clear();
}

void Inbox::rolled_back() noexcept {
  places_.clear();
  changed_.clear();
}

}  // namespace stoa::messaging
