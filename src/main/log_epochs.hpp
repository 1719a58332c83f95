#pragma once

#include <string>

#include "kernel/base/clock.hpp"
#include "kernel/eventlog/epochs.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {

/// The table of the epochs that logs were restored into, for the migrations of the shop, or of a
/// service with its own database.
std::string log_epochs_schema();

/// The epochs of every log that was ever restored.
ServiceEpochs read_log_epochs(sqlite::Database& shop);

/// Those of one log in a service's database. When its epoch is none that the table tells of, the
/// log is taken to have nothing in common with what it was before.
LogEpochs read_log_epochs(sql::Connection& db, const std::string& service);

/// Begins an epoch of every log of a restored shop, the same for all: the time in milliseconds, or
/// more when the clock is behind an epoch before. Returns it.
std::int64_t begin_log_epoch(sqlite::Database& shop, Timestamp now);

}  // namespace stoa
