#pragma once

#include "kernel/sql/database.hpp"

namespace stoa::sql {

/// Brings the tables of a prefix to their newest version; each script runs in a transaction with
/// its number. Newer tables are left as they are when who made them said that programs of this
/// version may use them (`Migrations::usable_from`). Throws Failure, also when they did not.
void migrate(Database& database, const Migrations& migrations);

}  // namespace stoa::sql
