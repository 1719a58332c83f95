#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/mediator/executor.hpp"
#include "kernel/messaging/consumer.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// A message that a service put aside after some tries, or could not read.
struct ParkedMessage {
  messaging::Message message;
  std::int64_t offset = 0;
  std::string reason;
  Timestamp parked_at;
  bool is_replay_asked = false;

  /// `topic/partition/offset`.
  [[nodiscard]] std::string id() const;
};

/// The table `host_parked_message` of a service's database. An operator asks for a replay there
/// (`stoa parked replay`); whichever replica sees that first applies the message, in the
/// transaction that deletes the row. Writer thread only.
class ParkedMessages {
 public:
  /// False when nobody here takes messages of this type. Throws what the message fails of.
  using Apply = std::function<bool(UnitOfWork&, const messaging::Message&)>;

  /// All outlive it, and it outlives the executor's work.
  ParkedMessages(sql::Connection& db, Executor& executor, Apply apply);
  static std::vector<std::string_view> schema();

  void put(UnitOfWork& unit, const messaging::Parked& parked);
  /// Has what was asked for replayed, each in a command of its own.
  void look(UnitOfWork& unit);

 private:
  void replay(UnitOfWork& unit, const std::string& id);
  void set_back(const std::string& id);

  sql::Connection& db_;
  Executor& executor_;
  Apply apply_;
  std::set<std::string> under_way_;
};

/// For an operator, of a database that is open in a transaction.
std::vector<ParkedMessage> parked_messages(sql::Connection& db, int most);
std::optional<ParkedMessage> find_parked(sql::Connection& db, const std::string& id);
/// False when there is no such message.
bool ask_for_replay(sql::Connection& db, const std::string& id, Timestamp now);

}  // namespace stoa
