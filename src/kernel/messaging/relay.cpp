#include "kernel/messaging/relay.hpp"

#include <algorithm>
#include <cstdint>

#include "kernel/eventlog/origin.hpp"

namespace stoa::messaging {
namespace {

constexpr int slice_events = 1'000;

}  // namespace

RelayRows::RelayRows(sql::Connection& db, std::string_view prefix) : db_(db) {
  const auto table = std::string(prefix) + "relay";
  load_ = "SELECT position FROM " + table;
  store_ = "INSERT INTO " + table +
           "(one, position) VALUES(1, ?) ON CONFLICT(one) DO UPDATE SET position = "
           "excluded.position";
  load_lanes_ = "SELECT topic, part, position FROM " + table + "_lane";
  store_lane_ = "INSERT INTO " + table +
                "_lane(topic, part, position) VALUES(?, ?, ?) ON CONFLICT(topic, part) DO UPDATE"
                " SET position = excluded.position";
}

std::string RelayRows::schema(std::string_view prefix) {
  const auto table = std::string(prefix) + "relay";
  return "CREATE TABLE " + table +
         "(one INTEGER PRIMARY KEY CHECK(one = 1), position INTEGER NOT NULL);"
         "CREATE TABLE " +
         table +
         "_lane(topic TEXT NOT NULL, part INTEGER NOT NULL, position INTEGER NOT NULL,"
         " PRIMARY KEY(topic, part)) WITHOUT ROWID;";
}

RelayProgress RelayRows::load() {
  RelayProgress progress;
  db_.query(load_, [&](const sql::Row& row) { progress.position = row.integer(0); });
  db_.query(load_lanes_, [&](const sql::Row& row) {
    progress.positions[{std::string(row.text(0)), static_cast<int>(row.integer(1))}] =
        row.integer(2);
  });
  return progress;
}

void RelayRows::store(const RelayProgress& progress) {
  db_.execute(store_, progress.position);
  for (const auto& [lane, position] : progress.positions)
    db_.execute(store_lane_, lane.topic, lane.partition, position);
}

std::map<Lane, Tail> Publisher::tails(const std::vector<Lane>&) { return {}; }

void Relay::look() {
  std::vector<Lane> lanes;
  lanes.reserve(confirmed_.positions.size());
  for (const auto& [lane, position] : confirmed_.positions) lanes.push_back(lane);
  for (const auto& [lane, tail] : publisher_.tails(lanes)) {
    auto& known = confirmed_.positions.at(lane);
    if (tail.position > 0 && tail.epoch != epoch_) continue;
    if (tail.position < known) {
      ++forgotten_;
      confirmed_.position = std::min(confirmed_.position, tail.position);
    }
    known = tail.position;
  }
  sent_ = confirmed_;
  unconfirmed_ = 0;
  has_looked_ = true;
}

bool Relay::step(EventLog& log) {
  if (!section_ && (publisher_.was_cut() || !has_looked_)) look();
  const auto earlier = sent_;
  const auto earlier_unconfirmed = unconfirmed_;
  int looked_at = 0;
  log.read_all(sent_.position, [&](const RecordedEvent& row) {
    if (section_ && row.position > section_->last) return false;
    sent_.position = row.position;
    if (const auto event = outlet_.published(row)) unconfirmed_ += send(row, *event) ? 1 : 0;
    return ++looked_at < slice_events;
  });
  const bool more = looked_at == slice_events;
  if (unconfirmed_ > 0 && !(more ? publisher_.confirm_earlier() : publisher_.confirm())) {
    ++failures_;
    sent_ = confirmed_;
    unconfirmed_ = 0;
    return false;
  }
  const auto left = more ? unconfirmed_ - earlier_unconfirmed : 0;
  published_ += unconfirmed_ - left;
  unconfirmed_ = left;
  confirmed_ = more ? earlier : sent_;
  return more;
}

bool Relay::send(const RecordedEvent& row, const NewEvent& event) {
  const auto topic = outlet_.topic_of(event.type);
  const auto lane = lane_of(topic, row.stream, publisher_.partitions(topic));
  auto& previous = sent_.positions[lane];
  if (row.position <= previous) return false;  // it is there
  Message message;
  message.lane = lane;
  if (section_ && section_->carrier) message.replay_lane = section_->carrier(lane);
  message.key = row.stream;
  message.id = row.stream + "@" + std::to_string(row.revision);
  message.source = "/" + outlet_.service;
  message.type = event.type;
  message.time = row.recorded_at;
  message.traceparent = traceparent_of(row);
  message.epoch = epoch_;
  message.position = row.position;
  message.previous_position = previous;
  message.data = event.data;
  previous = row.position;
  publisher_.send(std::move(message));
  return true;
}

Lane lane_of(const std::string& topic, std::string_view key, int partitions) {
  // FNV-1a, 64 bits (RFC draft-eastlake-fnv): the same on every machine.
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211U;
  }
  return {topic, static_cast<int>(hash % static_cast<std::uint64_t>(partitions))};
}

}  // namespace stoa::messaging
