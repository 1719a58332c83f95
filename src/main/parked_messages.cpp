#include "main/parked_messages.hpp"

#include <charconv>

namespace stoa {
namespace {

constexpr int looked_at_max = 100;

constexpr std::string_view schema_1 =
    "CREATE TABLE host_parked_message(topic TEXT NOT NULL, part INTEGER NOT NULL,"
    " message_offset INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, position INTEGER NOT"
    " NULL, data TEXT NOT NULL, reason TEXT NOT NULL, parked_at INTEGER NOT NULL,"
    " PRIMARY KEY(topic, part, message_offset)) WITHOUT ROWID;";

constexpr std::string_view schema_2 =
    "ALTER TABLE host_parked_message ADD COLUMN recorded_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE host_parked_message ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE host_parked_message ADD COLUMN replay_asked_at INTEGER;";

constexpr std::string_view select =
    "SELECT topic, part, message_offset, id, type, position, data, reason, parked_at, recorded_at,"
    " traceparent, replay_asked_at FROM host_parked_message ";
constexpr std::string_view by_key = "WHERE topic = ? AND part = ? AND message_offset = ?";

struct Key {
  std::string topic;
  std::int64_t partition = 0, offset = 0;
};

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Key> key_of(std::string_view id) {
  const auto last = id.rfind('/');
  if (last == id.npos || last == 0) return std::nullopt;
  const auto middle = id.rfind('/', last - 1);
  if (middle == id.npos) return std::nullopt;
  const auto partition = number(id.substr(middle + 1, last - middle - 1));
  const auto offset = number(id.substr(last + 1));
  if (!partition || !offset) return std::nullopt;
  return Key{std::string(id.substr(0, middle)), *partition, *offset};
}

ParkedMessage read(const sql::Row& row) {
  ParkedMessage one;
  auto& message = one.message;
  message.lane = {std::string(row.text(0)), static_cast<int>(row.integer(1))};
  one.offset = row.integer(2);
  message.id = row.text(3);
  message.type = row.text(4);
  message.position = row.integer(5);
  message.data = row.text(6);
  one.reason = row.text(7);
  one.parked_at = from_unix_microseconds(row.integer(8));
  message.time = from_unix_microseconds(row.integer(9));
  message.traceparent = row.text(10);
  one.is_replay_asked = !row.is_null(11);
  return one;
}

std::string statement(std::string_view begin, std::string_view end) {
  return std::string(begin).append(end);
}

}  // namespace

std::string ParkedMessage::id() const {
  return message.lane.topic + "/" + std::to_string(message.lane.partition) + "/" +
         std::to_string(offset);
}

ParkedMessages::ParkedMessages(sql::Connection& db, Executor& executor, Apply apply)
    : db_(db), executor_(executor), apply_(std::move(apply)) {}

std::vector<std::string_view> ParkedMessages::schema() { return {schema_1, schema_2}; }

void ParkedMessages::put(UnitOfWork& unit, const messaging::Parked& parked) {
  const auto& [message, offset, fault] = parked.received;
  db_.execute(
      "INSERT INTO host_parked_message(topic, part, message_offset, id, type, position, data,"
      " reason, parked_at, recorded_at, traceparent) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      " ON CONFLICT DO NOTHING",
      message.carrier().topic, message.carrier().partition, offset, message.id, message.type,
      message.position, message.data, parked.reason, to_unix_microseconds(unit.now()),
      to_unix_microseconds(message.time), message.traceparent);
}

void ParkedMessages::look(UnitOfWork& unit) {
  std::vector<std::string> asked;
  db_.query(
      statement(select, "WHERE replay_asked_at > 0 ORDER BY replay_asked_at LIMIT ?"),
      [&](const sql::Row& row) { asked.push_back(read(row).id()); }, looked_at_max);
  if (asked.empty()) return;
  unit.after_commit([this, asked = std::move(asked)] {
    for (const auto& id : asked) {
      if (!under_way_.insert(id).second) continue;
      const bool submitted =
          executor_.submit({.lane = Executor::Lane::inside,
                            .cause = {.actor = "system", .causation = "replay"},
                            .run = [this, id](UnitOfWork& replaying) { replay(replaying, id); },
                            .done =
                                [this, id](const Error* failure) {
                                  under_way_.erase(id);
                                  if (failure != nullptr) set_back(id);
                                }});
      if (!submitted) under_way_.erase(id);
    }
  });
}

void ParkedMessages::replay(UnitOfWork& unit, const std::string& id) {
  const auto one = find_parked(db_, id);
  if (!one || !one->is_replay_asked) return;  // another replica was first
  unit.set_cause({.actor = "system",
                  .causation = one->message.id,
                  .correlation = {},
                  .traceparent = one->message.traceparent});
  if (!apply_(unit, one->message)) return set_back(id);
  unit.drain_reactions();
  const auto key = *key_of(id);
  db_.execute(statement("DELETE FROM host_parked_message ", by_key), key.topic, key.partition,
              key.offset);
}

void ParkedMessages::set_back(const std::string& id) {
  // When it cannot be stored either, the message is still asked for, and tried again.
  static_cast<void>(executor_.submit(
      {.lane = Executor::Lane::inside,
       .cause = {.actor = "system", .causation = "replay"},
       .run =
           [this, id](UnitOfWork& unit) {
             const auto key = *key_of(id);
             db_.execute(statement("UPDATE host_parked_message SET replay_asked_at = NULL,"
                                   " reason = ? ",
                                   by_key),
                         "it failed when it was replayed at " + to_rfc3339(unit.now()), key.topic,
                         key.partition, key.offset);
           },
       .done = {}}));
}

std::vector<ParkedMessage> parked_messages(sql::Connection& db, int most) {
  std::vector<ParkedMessage> found;
  db.query(
      statement(select, "ORDER BY parked_at LIMIT ?"),
      [&](const sql::Row& row) { found.push_back(read(row)); }, most);
  return found;
}

std::optional<ParkedMessage> find_parked(sql::Connection& db, const std::string& id) {
  const auto key = key_of(id);
  if (!key) return std::nullopt;
  return db.one(statement(select, by_key), read, key->topic, key->partition, key->offset);
}

bool ask_for_replay(sql::Connection& db, const std::string& id, Timestamp now) {
  const auto key = key_of(id);
  if (!key) return false;
  return db
      .one(
          statement(statement("UPDATE host_parked_message SET replay_asked_at = ? ", by_key),
                    " RETURNING part"),
          [](const sql::Row& row) { return row.integer(0); }, to_unix_microseconds(now), key->topic,
          key->partition, key->offset)
      .has_value();
}

}  // namespace stoa
