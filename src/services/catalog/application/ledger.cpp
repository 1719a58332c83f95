#include "services/catalog/application/ledger.hpp"

#include <algorithm>
#include <tuple>
#include <type_traits>

#include "kernel/eventlog/journal.hpp"
#include "services/catalog/domain/stock.hpp"

namespace stoa::catalog {
namespace {

constexpr std::string_view subscriber = "ledger";
constexpr std::string_view builder = "ledger_next";  // without one while none is built
constexpr std::size_t slice_events_max = 20'000;  // one that is behind writes a page for many rows
constexpr std::size_t shared_slice_events_max = 2'000;  // all writers wait for it
constexpr int tail_events_max = 20'000;

LedgerRow describe(const StockEvent& event) {
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

/// Reads one log, and knows from another one, which the writer has, when there is something new.
class FollowedLog final : public EventLog {
 public:
  FollowedLog(EventLog& read, const EventLog& live)
      : read_(read), live_(live), head_at_start_(read.head()) {}
  Result<std::int64_t> append(std::string_view, std::int64_t, const std::vector<NewEvent>&,
                              const Cause&, Timestamp, std::vector<RecordedEvent>*) override {
    return fail(ErrorKind::internal, "read_only_log", "This log is read here alone.");
  }
  void read_stream(std::string_view stream, std::int64_t after, const Each& each) override {
    read_.read_stream(stream, after, each);
  }
  void read_stream_backwards(std::string_view stream, const Each& each) override {
    read_.read_stream_backwards(stream, each);
  }
  void read_all(std::int64_t after, const Each& each) override { read_.read_all(after, each); }
  void read_all_backwards(const Each& each) override { read_.read_all_backwards(each); }
  std::int64_t head() override { return read_.head(); }
  [[nodiscard]] std::int64_t durable_head() const override {
    return std::max(head_at_start_, live_.durable_head());
  }

 private:
  EventLog& read_;
  const EventLog& live_;
  std::int64_t head_at_start_;  ///< the writer's is known once it has written
};

void append(LedgerRows& rows, LedgerAccounts& accounts, const std::vector<RecordedEvent>& events) {
  std::vector<LedgerRow> fresh;
  for (const auto& event : events)
    for (auto& row : accounts.fold(event, "")) fresh.push_back(std::move(row));
  // In the order of the table, so that a slice writes each of its pages once.
  std::vector<const LedgerRow*> sorted;
  sorted.reserve(fresh.size());
  for (const auto& row : fresh) sorted.push_back(&row);
  std::ranges::sort(sorted, {}, [](const LedgerRow* row) {
    return std::tie(row->sku, row->position, row->line);
  });
  for (const auto* row : sorted) rows.append(*row);
  accounts.keep_within_bounds();
}

LedgerFile::Mark mark_of(const RecordedEvent& event) {
  return {event.position, event.stream + "@" + std::to_string(event.revision) + " " +
                              to_rfc3339(event.recorded_at)};
}

}  // namespace

std::vector<LedgerRow> LedgerAccounts::fold(const RecordedEvent& recorded,
                                            const std::string& only) {
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

LedgerAccounts::Balance& LedgerAccounts::balance(const std::string& sku,
                                                 const std::string& location) {
  const auto [at, fresh] = balances_.try_emplace(std::string(sku).append(1, '\0').append(location));
  if (fresh) {
    if (const auto last = rows_.last(sku, location)) at->second = {last->on_hand, last->reserved};
  }
  return at->second;
}

StockLedger::StockLedger(const Rows& rows, LedgerFile& file, EventLog& log, const EventLog& live)
    : rows_(*rows.ledger),
      file_(file),
      checkpoints_(*rows.checkpoints),
      log_(std::make_unique<FollowedLog>(log, live)),
      accounts_(rows_),
      subscription_(
          *log_, checkpoints_, {std::string(subscriber), types_of<StockEvent>(), slice_events_max},
          [this](UnitOfWork&, const std::vector<RecordedEvent>& events) { apply(events); }) {}

StockLedger::~StockLedger() = default;

bool StockLedger::slice(UnitOfWork& unit) {
  if (!is_known_) begin_anew_unless_of_this_log();
  const bool more = subscription_.slice(unit);
  head_ = log_->head();
  if (rebuild_wanted_) return build(unit) || more;
  position_ = checkpoints_.of(subscriber);
  return more;
}

void StockLedger::forget() {
  accounts_.forget();
  next_.reset();
  is_known_ = false;
}

/// It may stand beside a shop that was restored, or have been brought from another one.
void StockLedger::begin_anew_unless_of_this_log() {
  const auto mark = file_.mark();
  bool same = mark.position == 0;
  if (!same)
    log_->read_all(mark.position - 1, [&](const RecordedEvent& event) {
      same = event.position == mark.position && mark_of(event).event == mark.event;
      return false;
    });
  if (!same) {
    file_.clear_rows();
    file_.set_mark({});
    checkpoints_.set(subscriber, 0);
  }
  is_known_ = true;
}

void StockLedger::apply(const std::vector<RecordedEvent>& events) {
  append(rows_, accounts_, events);
  file_.set_mark(mark_of(events.back()));
}

bool StockLedger::build(UnitOfWork& unit) {
  if (begins_anew_) next_.reset();
  if (!next_) {
    const auto position = begins_anew_ ? 0 : checkpoints_.of(builder);
    if (position == 0 && is_under_way_ &&
        !begins_anew_) {  // another process has brought it to its end
      has_gone_live(unit);
      return false;
    }
    if (position == 0) file_.begin_next();
    next_.emplace(file_.next_rows(), position);
  }
  const auto events_max = is_shared_ ? shared_slice_events_max : slice_events_max;
  std::vector<RecordedEvent> events;
  log_->read_all(next_->position, [&](const RecordedEvent& event) {
    events.push_back(event);
    return events.size() < events_max;
  });
  append(next_->rows, next_->accounts, events);
  if (!events.empty()) next_->position = events.back().position;
  position_ = next_->position;
  if (events.size() < events_max) {
    go_live(unit);
    return false;
  }
  checkpoints_.set(builder, next_->position);
  unit.after_commit([this] {
    begins_anew_ = false;
    is_under_way_ = true;
  });
  return true;
}

void StockLedger::go_live(UnitOfWork& unit) {
  if (is_shared_)
    file_.merge_next();
  else
    file_.adopt_next();
  file_.set_mark(mark_at(next_->position));
  checkpoints_.set(subscriber, next_->position);
  checkpoints_.remove(builder);
  accounts_.forget();
  next_.reset();
  has_gone_live(unit);
}

void StockLedger::has_gone_live(UnitOfWork& unit) {
  unit.after_commit([this] {
    begins_anew_ = false;
    is_under_way_ = false;
    ++built_;
    rebuild_wanted_ = false;
  });
}

LedgerFile::Mark StockLedger::mark_at(std::int64_t position) {
  LedgerFile::Mark mark;
  if (position > 0)
    log_->read_all(position - 1, [&](const RecordedEvent& event) {
      mark = mark_of(event);
      return false;
    });
  return mark;
}

BuildStatus StockLedger::build_status() const {
  const std::int64_t position = position_;
  return {rebuild_wanted_, position, std::max<std::int64_t>(0, head_ - position)};
}

Result<std::vector<LedgerRow>> ledger_page(const Rows& rows, EventLog& log, const std::string& sku,
                                           LedgerCursor after, int limit) {
  auto page = rows.ledger->page(sku, after.position, after.line, limit);
  const auto wanted = static_cast<std::size_t>(limit);
  if (page.size() >= wanted) return page;
  LedgerAccounts accounts(*rows.ledger);
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
