#pragma once

#include "kernel/sql/connection.hpp"
#include "main/audit.hpp"

namespace stoa {

/// Whether the stock ledger can be seen, in a file beside the shop's or in the same; it cannot
/// where a shop was restored and has not run. Begins the snapshot of the ledger.
bool has_ledger(sql::Connection& shop);

/// The audit's part about what was told and promised: acknowledged orders and their keys (I1, I2),
/// the rows of payments and of the stock ledger against their logs (I7), processes that stand still
/// (I8), one notification an event (I10), and every event that another service must act on against
/// what that service did (I12). Adds to `report`. `shop` is one read snapshot of the whole file.
void audit_flow(sql::Connection& shop, AuditReport& report);

}  // namespace stoa
