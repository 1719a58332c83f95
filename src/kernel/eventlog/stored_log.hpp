#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// The log of one service in tables `<prefix>log` and `<prefix>log_head`.
class StoredLog : public EventLog, public Participant {
 public:
  /// Of the log, from its first event on, or from the last that an operator restored.
  [[nodiscard]] virtual std::int64_t epoch() = 0;
};

/// Over a connection whose transactions are the caller's. The tables must exist (log_migrations).
std::unique_ptr<StoredLog> make_stored_log(sql::Connection& db, std::string_view prefix,
                                           const Crypto& crypto);

/// The two tables of a log, for `migrate` under the prefix `<prefix>log`.
std::string log_schema(std::string_view prefix);

/// Rows that are not what was written, by position.
struct ChainDamage {
  enum class Kind {
    missing,
    changed,      ///< or put in: they do not follow from the row before them
    beyond_head,  ///< more rows than the head knows
  };
  Kind kind = Kind::changed;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// What a walk along a log found.
struct ChainReport {
  std::int64_t events = 0;                 ///< walked, which are all
  std::optional<std::int64_t> damaged_at;  ///< the first position that is missing or changed
  bool ends_at_head = true;                ///< false when the newest events are missing
  std::vector<ChainDamage> damages;        ///< the first 100, of rows that stand together one
  std::int64_t head_position = 0;          ///< of the last row
  std::string head_hash;                   ///< of the last row; empty when there is none
};

/// Holds positions and hashes of the log `<prefix>log` against each other and against its head.
/// What was changed together with all later hashes and the head is seen only by who has kept an
/// earlier head elsewhere.
ChainReport verify_chain(sql::Connection& db, std::string_view prefix, const Crypto& crypto);

/// The digest that chains `event` to its predecessor, over what is stored.
Digest chain(const Crypto& crypto, const Digest& previous, const RecordedEvent& event);

}  // namespace stoa
