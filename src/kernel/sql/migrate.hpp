#pragma once

#include "kernel/sql/database.hpp"

namespace stoa::sql {

/// Brings the tables of a prefix to their newest version; each script runs in a transaction with
/// its number. Throws Failure, also when the database is newer than the scripts.
void migrate(Database& database, const Migrations& migrations);

}  // namespace stoa::sql
