#include <algorithm>
#include <map>
#include <set>

#include "kernel/base/overload.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "services/catalog/application/journal.hpp"
#include "simulation/checks.hpp"

namespace stoa::simulation {
namespace {

using catalog::StockAdjusted;

/// Reads the log of Catalog from its beginning, as one who has nothing but it, and holds what
/// clients were told against it.
class StockChecks {
 public:
  StockChecks(World& world, SimulatedShop& shop, const Clients& clients, const Crypto& crypto)
      : world_(world), db_(shop.everything()), clients_(clients), crypto_(crypto) {
    // It stands in a shop since before locations had events.
    catalog::Location main;
    main.code = std::string(catalog::default_location);
    locations_[main.code] = main;
  }

  void run() {
    make_stored_log(db_, "catalog_", crypto_)->read_all(0, [&](const RecordedEvent& row) {
      fold(decode_event<catalog::StoredEvent>(row.type, row.data), row);
      return true;
    });
    check_transfers();
    check_counts();
    check_ledger();
    for (const auto& wish : clients_.wishes()) check_wish(*wish);
  }

 private:
  void find(std::string what) { world_.found(std::move(what)); }

  void fold(const catalog::StoredEvent& event, const RecordedEvent& row) {
    std::visit(Overload{[&](const StockAdjusted& e) { adjusted(e); },
                        [&](const catalog::StockReserved& e) { reserved(e); },
                        [&](const catalog::StockReleased& e) { move(e); },
                        [&](const catalog::StockFulfilled& e) { move(e); },
                        [&](const catalog::StockRestocked& e) { restocked(e); },
                        [&](const catalog::LocationCreated& e) { keep(e.location); },
                        [&](const catalog::LocationUpdated& e) { keep(e.location); },
                        [&](const catalog::TransferRecorded& e) {
                          transfers_[e.id] = e;
                          ++marks_[e.reason];
                        },
                        [&](const catalog::CountOpened& e) { count(e.id, e, row); },
                        [&](const catalog::CountAmended& e) { count(id_of(row), e, row); },
                        [&](const catalog::CountApplied& e) { count(id_of(row), e, row); },
                        [&](const catalog::CountCancelled& e) { count(id_of(row), e, row); },
                        [](const auto&) {}},
               event);
  }
  static std::string id_of(const RecordedEvent& row) {
    return row.stream.substr(row.stream.find('-') + 1);
  }
  void count(const std::string& id, const catalog::CountEvent& event, const RecordedEvent& row) {
    evolve(counts_[id], event, row.recorded_at);
  }

  void move(const catalog::StockEvent& event) {
    for (const auto& one : moves_of(event)) {
      auto& stock = stocks_[one.sku];
      stock.sku = one.sku;
      evolve(stock, one);
    }
  }
  void adjusted(const StockAdjusted& event) {
    if (event.transfer_id) moved_[*event.transfer_id].push_back(event);
    if (event.count_id) corrected_[*event.count_id].push_back(event);
    if (!event.transfer_id && !event.count_id) ++marks_[event.reference.value_or("")];
    if (!is_open(event.location)) find("I3: units are adjusted where nothing stands any more");
    move(event);
  }

  [[nodiscard]] bool is_open(const std::string& code) const {
    const auto at = locations_.find(code);
    return at != locations_.end() && at->second.active;
  }

  /// Only where orders are served from, and beyond what stands there only at the first of them.
  void reserved(const catalog::StockReserved& event) {
    std::vector<catalog::Location> all;
    for (const auto& [code, location] : locations_)
      if (location.active && location.fulfils_online) all.push_back(location);
    std::ranges::sort(all, {}, [](const catalog::Location& one) {
      return std::tuple(one.priority, one.code != catalog::default_location, one.code);
    });
    for (const auto& line : event.lines) {
      const auto serves = [&](const catalog::Location& one) { return one.code == line.location; };
      if (std::ranges::none_of(all, serves))
        find("I3: order " + event.order_id + " is served from " + line.location +
             ", which serves none");
      else if (line.location != all.front().code &&
               stocks_[line.sku].available_at(line.location) < line.quantity)
        find("I3: order " + event.order_id + " is promised units of " + line.location +
             " that do not stand there");
    }
    move(event);
  }
  void restocked(const catalog::StockRestocked& event) {
    for (const auto& line : event.lines)
      if (!is_open(line.location))
        find("I3: units of order " + event.order_id + " went back to " + line.location +
             ", which is closed");
    move(event);
  }
  void keep(const catalog::Location& location) {
    locations_[location.code] = location;
    if (location.active) return;
    for (const auto& [sku, stock] : stocks_) {
      const auto* level = stock.at(location.code);
      if (level != nullptr && (level->on_hand.count() != 0 || level->reserved.count() != 0))
        find("I3: " + location.code + " was closed and holds " + sku);
    }
  }

  /// What leaves one location comes to the other, line by line, once.
  void check_transfers() {
    for (const auto& [id, halves] : moved_)
      if (!transfers_.contains(id)) find("I3: units moved by a transfer that nobody made: " + id);
    for (const auto& [id, transfer] : transfers_) {
      std::map<std::pair<std::string, std::string>, std::int64_t> wanted;
      for (const auto& line : transfer.lines) {
        wanted[{line.sku, transfer.to}] += line.quantity.count();
        wanted[{line.sku, transfer.from}] -= line.quantity.count();
      }
      for (const auto& half : moved_[id]) wanted[{half.sku, half.location}] -= half.delta.count();
      for (const auto& [place, left] : wanted)
        if (left != 0)
          find("I3: transfer " + id + " did not move what it says of " + place.first + " at " +
               place.second);
      if (moved_[id].size() != 2 * transfer.lines.size())
        find("I3: transfer " + id + " is not two adjustments a line");
    }
  }

  /// An applied count adjusted each line by what differed when it was counted; any other, nothing.
  void check_counts() {
    for (const auto& [id, adjustments] : corrected_)
      if (!counts_.contains(id)) find("I3: units adjusted by a count that nobody made: " + id);
    for (const auto& [id, count] : counts_) {
      std::map<std::string, std::int64_t> wanted;
      if (count.status == catalog::CountStatus::applied)
        for (const auto& line : count.lines) {
          wanted[line.sku] += line.difference();
          if (!line.counted) find("I3: count " + id + " was applied and " + line.sku + " is open");
        }
      for (const auto& one : corrected_[id]) {
        wanted[one.sku] -= one.delta.count();
        if (one.location != count.location)
          find("I3: count " + id + " adjusted another location than it counted");
      }
      for (const auto& [sku, left] : wanted)
        if (left != 0) find("I3: count " + id + " did not adjust " + sku + " by what differed");
    }
  }

  /// I7: the ledger of stock, projected, and what it stands for.
  void check_ledger() {
    db_.query(
        "SELECT sku, location, on_hand, reserved FROM catalog_stock_level AS level WHERE"
        " (SELECT sum(delta_on_hand) FROM catalog_ledger AS ledger WHERE ledger.sku = level.sku"
        " AND ledger.location = level.location) <> on_hand OR"
        " (SELECT sum(delta_reserved) FROM catalog_ledger AS ledger WHERE ledger.sku = level.sku"
        " AND ledger.location = level.location) <> reserved",
        [&](const sql::Row& row) {
          find("I7: the stock ledger of " + std::string(row.text(0)) + " is not its level");
        });
  }

  void check_wish(const Wish& wish) {
    const bool acknowledged = is_acknowledged(wish);
    if (wish.deed == Deed::adjust || wish.deed == Deed::transfer) {
      const auto times = marks_[wish.key];
      if (times > 1) find("I2: " + wish.key + " moved the stock more than once");
      if (acknowledged && times == 0) find("I1: what " + wish.key + " was told it moved is lost");
      if (is_refused_for_good(world_, wish) && times > 0)
        find("what " + wish.key + " was told would not be moved was moved");
    }
    if (wish.deed == Deed::open_count) {
      const auto times = std::ranges::count_if(
          counts_, [&](const auto& one) { return one.second.note == wish.key; });
      if (times > 1) find("I2: " + wish.key + " opened more than one count");
      if (acknowledged && !counts_.contains(wish.count_id))
        find("I1: the acknowledged count of " + wish.key + " is lost");
    }
    const auto at = counts_.find(wish.count_id);
    if (!acknowledged || at == counts_.end()) return;
    const auto status = at->second.status;
    if (wish.deed == Deed::apply_count && status != catalog::CountStatus::applied)
      find("I1: that " + wish.key + " applied " + wish.count_id + " is lost");
    if (wish.deed == Deed::cancel_count && status != catalog::CountStatus::cancelled)
      find("I1: that " + wish.key + " cancelled " + wish.count_id + " is lost");
  }

  World& world_;
  sql::Connection& db_;
  const Clients& clients_;
  const Crypto& crypto_;
  std::map<std::string, catalog::Stock> stocks_;
  std::map<std::string, catalog::Location> locations_;
  std::map<std::string, catalog::TransferRecorded> transfers_;
  std::map<std::string, catalog::StockCount> counts_;
  std::map<std::string, std::vector<StockAdjusted>> moved_, corrected_;  ///< by transfer, by count
  std::map<std::string, std::int64_t> marks_;  ///< adjustments and transfers by the client's key
};

}  // namespace

void check_stock(World& world, SimulatedShop& shop, const Clients& clients, const Crypto& crypto) {
  StockChecks(world, shop, clients, crypto).run();
}

}  // namespace stoa::simulation
