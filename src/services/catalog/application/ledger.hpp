#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/eventlog/subscription.hpp"
#include "services/catalog/application/rebuild.hpp"
#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

/// What stands in the ledger's file beside its rows. Throws sql::Failure.
class LedgerFile {
 public:
  virtual ~LedgerFile() = default;
  /// The last event that the file holds; position 0 when it holds none.
  struct Mark {
    std::int64_t position = 0;
    std::string event;  ///< tells it from another event at this position
  };
  virtual Mark mark() = 0;
  virtual void set_mark(const Mark& mark) = 0;
  virtual void clear_rows() = 0;
  /// An empty ledger beside the live one; what was left of an earlier one goes.
  virtual void begin_next() = 0;
  [[nodiscard]] virtual LedgerRows& next_rows() = 0;
  /// The next one becomes the live one.
  virtual void adopt_next() = 0;
  /// The live one becomes like the next one, row by row: for a database where who reads meanwhile
  /// would find a table that was put in the place of another empty.
  virtual void merge_next() = 0;
};

/// Folds events to ledger rows, with the balances of the locations that they touch.
class LedgerAccounts {
 public:
  explicit LedgerAccounts(LedgerRows& rows) : rows_(rows) {}

  /// Rows of the event, of `only` this SKU when it is not empty.
  std::vector<LedgerRow> fold(const RecordedEvent& recorded, const std::string& only);
  /// Balances are read again.
  void forget() { balances_.clear(); }
  /// Between transactions' worth of rows, when all of them stand in the table.
  void keep_within_bounds() {
    if (balances_.size() > balances_max) forget();
  }

 private:
  static constexpr std::size_t balances_max = 200'000;
  using Balance = std::pair<std::int64_t, std::int64_t>;
  Balance& balance(const std::string& sku, const std::string& location);

  LedgerRows& rows_;
  std::unordered_map<std::string, Balance> balances_;  ///< by SKU, NUL, location
};

/// Carries the stock ledger on: a subscription of Catalog's log into the ledger's own file, which
/// is made again when it is missing or of another log, and built anew beside the live one when that
/// is asked for. One thread at a time.
class StockLedger {
 public:
  /// `rows` are of the ledger's file; `log` is read, and `live` tells of new events. All outlive
  /// it.
  StockLedger(const Rows& rows, LedgerFile& file, EventLog& log, const EventLog& live);
  ~StockLedger();
  StockLedger(const StockLedger&) = delete;
  StockLedger& operator=(const StockLedger&) = delete;

  /// One step, in a transaction of the file; true when there may be more.
  bool slice(UnitOfWork& unit);
  /// After a rollback: what memory knows may not be so.
  void forget();

  /// Other processes carry it on too, in transactions of one database. Before the first slice.
  void share() { is_shared_ = true; }

  /// A second ledger is folded from the first event on, slice by slice, and takes the place of the
  /// live one in the transaction that brings it to the head; one that is `resumed` goes on where it
  /// was, whichever process began it. Any thread, as the two below.
  void rebuild(bool resumed) {
    if (!resumed) begins_anew_ = true;
    rebuild_wanted_ = true;
  }
  /// How many have taken the place of a live one since the start.
  [[nodiscard]] std::int64_t built() const { return built_; }
  [[nodiscard]] BuildStatus build_status() const;

 private:
  struct Next {
    Next(LedgerRows& to, std::int64_t from) : rows(to), accounts(to), position(from) {}
    LedgerRows& rows;
    LedgerAccounts accounts;
    std::int64_t position;
  };

  void begin_anew_unless_of_this_log();
  void apply(const std::vector<RecordedEvent>& events);
  bool build(UnitOfWork& unit);
  void go_live(UnitOfWork& unit);
  void has_gone_live(UnitOfWork& unit);
  LedgerFile::Mark mark_at(std::int64_t position);

  LedgerRows& rows_;
  LedgerFile& file_;
  Checkpoints& checkpoints_;
  std::unique_ptr<EventLog> log_;
  LedgerAccounts accounts_;
  Subscription subscription_;
  bool is_known_ = false;  ///< to be of this log
  std::optional<Next> next_;
  bool is_shared_ = false;
  bool is_under_way_ = false;  ///< a slice of the one that is built is durable
  std::atomic<bool> rebuild_wanted_{false};
  std::atomic<bool> begins_anew_{false};  ///< until its first slice is durable
  std::atomic<std::int64_t> built_{0};    ///< rises before rebuild_wanted_ falls
  std::atomic<std::int64_t> position_{0}, head_{0};
};

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
