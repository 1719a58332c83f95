#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "kernel/base/crypto.hpp"
#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa::sqlite {

/// The log of one service in tables `<prefix>log` and `<prefix>log_head`.
class Log : public EventLog, public Participant {
 public:
  /// Of the log, from its first event on, or from the last that an operator restored.
  [[nodiscard]] virtual std::int64_t epoch() = 0;
};

/// Over a connection whose transactions are the caller's. The tables must exist (log_migrations).
std::unique_ptr<Log> make_log(sql::Connection& db, std::string_view prefix, const Crypto& crypto);

/// The two tables of a log, for `migrate` under the prefix `<prefix>log`.
std::string log_schema(std::string_view prefix);

/// What a walk along a log found.
struct ChainReport {
  std::int64_t events = 0;                 ///< walked: all, or up to the damage
  std::optional<std::int64_t> damaged_at;  ///< the position that is missing, moved or changed
  bool ends_at_head = true;                ///< false when the newest events are missing
};

/// Holds positions and hashes of the log `<prefix>log` against each other and against its head.
ChainReport verify_chain(sql::Connection& db, std::string_view prefix, const Crypto& crypto);

/// The digest that chains `event` to its predecessor, over what is stored.
Digest chain(const Crypto& crypto, const Digest& previous, const RecordedEvent& event);

}  // namespace stoa::sqlite
