#pragma once

#include "kernel/eventlog/event_log.hpp"
#include "kernel/eventlog/subscription.hpp"
#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

/// Carries the stock ledger on; `rows` and `log` outlive it.
Subscription ledger_subscription(const Rows& rows, EventLog& log);

struct LedgerCursor {
  std::int64_t position = 0;
  std::int64_t line = -1;
};

/// Up to `limit` rows of a SKU after the cursor, oldest first. What the projection has not reached
/// yet is folded from the log, so a reader sees every write that was answered.
/// `ledger_behind` (unavailable) when that would be too much.
Result<std::vector<LedgerRow>> ledger_page(const Rows& rows, EventLog& log, const std::string& sku,
                                           LedgerCursor after, int limit);

}  // namespace stoa::catalog
