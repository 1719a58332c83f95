#include "services/catalog/domain/count.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"

namespace stoa::catalog {
namespace {

constexpr std::size_t named_max = 100;  ///< faults that an answer names

void amend_lines(StockCount& count, const CountAmended& event) {
  const std::set<std::string_view> removed(event.removed_skus.begin(), event.removed_skus.end());
  std::erase_if(count.lines, [&](const CountLine& line) { return removed.contains(line.sku); });
  std::map<std::string, std::size_t, std::less<>> places;
  for (std::size_t at = 0; at < count.lines.size(); ++at) places.emplace(count.lines[at].sku, at);
  for (const auto& line : event.lines) {
    const auto [place, is_new] = places.try_emplace(line.sku, count.lines.size());
    if (is_new) {
      count.lines.push_back(line);
    } else {
      count.lines[place->second] = line;
    }
  }
}

Result<void> is_draft(const StockCount& count) {
  if (count.status == CountStatus::draft) return {};
  return fail(ErrorKind::conflict, "count_closed",
              "The count is " + std::string(json::name_of(count.status)) + " already.");
}

std::string pointer_of(std::size_t at) { return "/lines/" + std::to_string(at); }

}  // namespace

void evolve(StockCount& count, const CountEvent& event, Timestamp recorded_at) {
  ++count.revision;
  count.updated_at = recorded_at;
  std::visit(Overload{[&](const CountOpened& e) {
                        count.id = e.id;
                        count.location = e.location;
                        count.note = e.note;
                        count.lines = e.lines;
                        count.created_at = recorded_at;
                      },
                      [&](const CountAmended& e) { amend_lines(count, e); },
                      [&](const CountApplied&) { count.status = CountStatus::applied; },
                      [&](const CountCancelled&) { count.status = CountStatus::cancelled; }},
             event);
}

Result<std::vector<CountLine>> lines_of(const std::vector<Counted>& counted,
                                        const std::string& location, const StockOf& stock_of,
                                        Timestamp now) {
  std::vector<CountLine> lines;
  std::vector<FieldError> errors;
  std::set<std::string_view> seen;
  for (std::size_t at = 0; at < counted.size(); ++at) {
    const auto& one = counted[at];
    const Stock* stock = stock_of(one.sku);
    if (stock == nullptr) {
      errors.push_back({pointer_of(at) + "/sku", "unknown_sku", "The shop has no such SKU."});
    } else if (!seen.insert(one.sku).second) {
      errors.push_back({pointer_of(at) + "/sku", "given_twice", "Must be given once."});
    } else {
      const auto* level = stock->at(location);
      lines.push_back({one.sku, level != nullptr ? level->on_hand.count() : 0, one.counted,
                       one.counted ? std::optional(now) : std::nullopt});
    }
    if (errors.size() == named_max) break;
  }
  if (errors.empty()) return lines;
  return fail(Error{ErrorKind::invalid, errors.front().code,
                    "These lines cannot be counted; see errors.", std::move(errors)});
}

Result<std::vector<CountEvent>> amend(const StockCount& count, std::vector<CountLine> lines,
                                      std::vector<std::string> removed_skus) {
  if (auto good = is_draft(count); !good) return fail(std::move(good.error()));
  const std::vector<CountEvent> events{CountAmended{std::move(lines), std::move(removed_skus)}};
  auto after = count;
  evolve(after, events.front(), count.updated_at);
  if (after.lines.size() > count_lines_max)
    return fail(ErrorKind::invalid, "too_many_lines",
                "A count has at most " + std::to_string(count_lines_max) + " lines.");
  return after.lines == count.lines ? std::vector<CountEvent>{} : events;
}

Result<std::vector<CountEvent>> cancel(const StockCount& count) {
  if (count.status == CountStatus::cancelled) return std::vector<CountEvent>{};
  if (auto good = is_draft(count); !good) return fail(std::move(good.error()));
  return std::vector<CountEvent>{CountCancelled{}};
}

Result<AppliedCount> apply(const StockCount& count, bool force, const StockOf& stock_of) {
  if (auto good = is_draft(count); !good) return fail(std::move(good.error()));
  AppliedCount applied{{}, {}};
  Error error{
      ErrorKind::conflict, "lines_not_counted", "Lines are not counted yet; see errors.", {}, ""};
  for (std::size_t at = 0; at < count.lines.size() && error.fields.size() < named_max; ++at)
    if (!count.lines[at].counted)
      error.fields.push_back({pointer_of(at) + "/counted", "lines_not_counted",
                              count.lines[at].sku + " is not counted: count or remove it."});
  if (!error.fields.empty()) return fail(std::move(error));
  for (std::size_t at = 0; at < count.lines.size() && error.fields.size() < named_max; ++at) {
    const auto& line = count.lines[at];
    if (line.difference() == 0) continue;
    const Stock* stock = stock_of(line.sku);
    STOA_ASSERT(stock != nullptr);  // a SKU once known stays
    const auto events =
        decide(*stock, AdjustStock{.location = count.location,
                                   .delta = Quantity(planted(Defect::count_applies_counted)
                                                         ? line.counted.value_or(0)
                                                         : line.difference()),
                                   .reason = "count",
                                   .reference = count.id,
                                   .force = force});
    if (!events) {
      error.kind = events.error().kind;
      error.code = events.error().code;
      error.detail = "The differences cannot be applied; see errors.";
      error.fields.push_back({pointer_of(at), events.error().code, events.error().detail});
      continue;
    }
    auto adjusted = std::get<StockAdjusted>(events->front());
    adjusted.count_id = count.id;
    applied.event.forced = applied.event.forced || adjusted.forced;
    applied.adjustments.push_back(std::move(adjusted));
  }
  if (!error.fields.empty()) return fail(std::move(error));
  return applied;
}

}  // namespace stoa::catalog
