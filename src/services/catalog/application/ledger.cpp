#include "services/catalog/application/ledger.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <type_traits>

#include "kernel/eventlog/journal.hpp"
#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {
namespace {

constexpr std::string_view subscriber = "ledger";
constexpr std::size_t slice_events_max = 2'000;
constexpr int tail_events_max = 20'000;

/// Folds events to ledger rows, with the balances of the locations that they touch.
class Accounts {
 public:
  explicit Accounts(LedgerRows& rows) : rows_(rows) {}

  /// Rows of the event, of `only` this SKU when it is not empty.
  std::vector<LedgerRow> fold(const RecordedEvent& recorded, const std::string& only) {
    std::vector<LedgerRow> out;
    if (!recorded.type.starts_with("Stock")) return out;
    const auto event = decode_event<StockEvent>(recorded.type, recorded.data);
    std::int64_t line = 0;
    for (const auto& move : moves_of(event)) {
      const auto at = line++;
      if (!only.empty() && move.sku != only) continue;
      auto row = describe(event);
      row.position = recorded.position;
      row.line = at;
      row.sku = move.sku;
      row.location = move.location;
      row.delta_on_hand = move.on_hand.count();
      row.delta_reserved = move.reserved.count();
      row.recorded_at = recorded.recorded_at;
      auto& [on_hand, reserved] = balance(move.sku, move.location);
      row.on_hand = on_hand += row.delta_on_hand;
      row.reserved = reserved += row.delta_reserved;
      out.push_back(std::move(row));
    }
    return out;
  }

 private:
  using Balance = std::pair<std::int64_t, std::int64_t>;

  Balance& balance(const std::string& sku, const std::string& location) {
    const auto [at, fresh] = balances_.try_emplace({sku, location});
    if (fresh) {
      if (const auto last = rows_.last(sku, location)) at->second = {last->on_hand, last->reserved};
    }
    return at->second;
  }

  static LedgerRow describe(const StockEvent& event) {
    LedgerRow row;
    std::visit(
        [&](const auto& e) {
          using E = std::remove_cvref_t<decltype(e)>;
          if constexpr (requires { e.order_id; }) row.order_id = e.order_id;
          if constexpr (std::is_same_v<E, StockAdjusted>) {
            row.kind = e.transfer_id ? "transferred" : e.count_id ? "counted" : "adjusted";
            row.reason = e.reason;
            row.reference = e.transfer_id ? e.transfer_id : e.reference;
          } else if constexpr (std::is_same_v<E, StockReserved>) {
            row.kind = "reserved";
          } else if constexpr (std::is_same_v<E, StockReleased>) {
            row.kind = "released";
          } else if constexpr (std::is_same_v<E, StockFulfilled>) {
            row.kind = "fulfilled";
            row.reference = e.fulfilment_id;
          } else if constexpr (std::is_same_v<E, StockRestocked>) {
            row.kind = "restocked";
            row.reference = e.return_id;
          }
        },
        event);
    return row;
  }

  LedgerRows& rows_;
  std::map<std::pair<std::string, std::string>, Balance> balances_;
};

}  // namespace

Subscription ledger_subscription(const Rows& rows, EventLog& log) {
  return {log,
          *rows.checkpoints,
          {std::string(subscriber), types_of<StockEvent>(), slice_events_max},
          [&ledger = *rows.ledger](UnitOfWork&, const std::vector<RecordedEvent>& events) {
            Accounts accounts(ledger);
            std::vector<LedgerRow> fresh;
            for (const auto& event : events)
              for (auto& row : accounts.fold(event, "")) fresh.push_back(std::move(row));
            // In the order of the table, so that a slice writes each of its pages once.
            std::ranges::sort(fresh, {}, [](const LedgerRow& row) {
              return std::tie(row.sku, row.position, row.line);
            });
            for (const auto& row : fresh) ledger.append(row);
          }};
}

Result<std::vector<LedgerRow>> ledger_page(const Rows& rows, EventLog& log, const std::string& sku,
                                           LedgerCursor after, int limit) {
  auto page = rows.ledger->page(sku, after.position, after.line, limit);
  const auto wanted = static_cast<std::size_t>(limit);
  if (page.size() >= wanted) return page;
  Accounts accounts(*rows.ledger);
  int read = 0;
  log.read_all(rows.checkpoints->of(subscriber), [&](const RecordedEvent& event) {
    for (auto& row : accounts.fold(event, sku)) {
      const bool beyond = row.position > after.position ||
                          (row.position == after.position && row.line > after.line);
      if (beyond && page.size() < wanted) page.push_back(std::move(row));
    }
    return ++read < tail_events_max && page.size() < wanted;
  });
  if (read == tail_events_max && page.size() < wanted)
    return fail(ErrorKind::unavailable, "ledger_behind",
                "The ledger is still being written: try again shortly.");
  return page;
}

}  // namespace stoa::catalog
