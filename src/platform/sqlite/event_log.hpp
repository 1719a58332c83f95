#pragma once

#include <memory>
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

/// The digest that chains `event` to its predecessor, over what is stored.
Digest chain(const Crypto& crypto, const Digest& previous, const RecordedEvent& event);

}  // namespace stoa::sqlite
