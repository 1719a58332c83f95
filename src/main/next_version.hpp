#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/connection.hpp"

/// What the next version of the program does otherwise to what versions share: tables, stored
/// events and messages. In the program itself nothing; `stoa_next`, which tests run beside it, is
/// the same program linked with another `next_version.cpp` (tests/next_version).
namespace stoa::next_version {

using Published = std::function<std::optional<NewEvent>(const RecordedEvent&)>;

sql::Migrations migrations(const sql::Migrations& own);
/// `prefix` is that of the service's tables.
Published published(std::string_view prefix, Published own);
std::unique_ptr<StoredLog> log(std::unique_ptr<StoredLog> own);

}  // namespace stoa::next_version
