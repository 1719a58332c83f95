#include "services/catalog/application/counts.hpp"

namespace stoa::catalog {

StockOf Counts::stock_of() const {
  return [this](const std::string& sku) { return inventory_.find(sku); };
}

Result<StockCount> Counts::load(const std::string& id, std::optional<std::int64_t> revision) {
  auto count = rows_.find(id);
  if (!count) return fail(ErrorKind::not_found, "unknown_count", "There is no such count.");
  if (revision && *revision != count->revision)
    return fail(ErrorKind::precondition_failed, "revision_mismatch",
                "The count is at revision " + std::to_string(count->revision) + ".");
  return std::move(*count);
}

void Counts::record(UnitOfWork& unit, StockCount& count, const std::vector<CountEvent>& events) {
  if (events.empty()) return;
  const auto before = count.revision;
  std::vector<StoredEvent> stored;
  for (const auto& event : events) {
    evolve(count, event, unit.now());
    std::visit([&](const auto& e) { stored.emplace_back(e); }, event);
  }
  append(journal_, unit, "count-" + count.id, before, stored);
  rows_.put(count);
}

Result<Counts::Done> Counts::open(UnitOfWork& unit, const IdempotencyKey& key,
                                  const Opening& opening) {
  const auto used = idempotency_.find(key);
  if (!used) return fail(used.error());
  if (*used) return Done{*load(**used, {}), true};
  if (auto good = locations_.check_open(opening.location, "/location"); !good)
    return fail(std::move(good.error()));
  auto wanted = opening.lines;
  if (opening.all) {
    const auto skus =
        inventory_.skus_at(unit, opening.location, static_cast<int>(count_lines_max) + 1);
    if (skus.size() > count_lines_max)
      return fail(Error{ErrorKind::invalid,
                        "too_many_lines",
                        "The location has more SKUs than one count may have.",
                        {{"/scope", "too_many_lines", "Count with lines instead."}}});
    for (const auto& sku : skus) wanted.push_back({sku, std::nullopt});
  }
  auto lines = lines_of(wanted, opening.location, stock_of(), unit.now());
  if (!lines) return fail(std::move(lines.error()));
  StockCount count;
  count.id = opening.id;
  record(unit, count, {CountOpened{opening.id, opening.location, opening.note, std::move(*lines)}});
  idempotency_.store(key, count.id, unit.now());
  return Done{std::move(count), false};
}

Result<StockCount> Counts::amend(UnitOfWork& unit, const std::string& id,
                                 std::optional<std::int64_t> revision,
                                 const std::vector<Counted>& lines,
                                 const std::vector<std::string>& removed_skus) {
  auto count = load(id, revision);
  if (!count) return count;
  auto counted = lines_of(lines, count->location, stock_of(), unit.now());
  if (!counted) return fail(std::move(counted.error()));
  const auto events = catalog::amend(*count, std::move(*counted), removed_skus);
  if (!events) return fail(events.error());
  record(unit, *count, *events);
  return count;
}

Result<Counts::Done> Counts::apply(UnitOfWork& unit, const IdempotencyKey& key,
                                   const std::string& id, std::optional<std::int64_t> revision,
                                   bool force) {
  const auto used = idempotency_.find(key);
  if (!used) return fail(used.error());
  if (*used) return Done{*load(**used, {}), true};
  auto count = load(id, revision);
  if (!count) return fail(std::move(count.error()));
  if (auto good = locations_.check_open(count->location, "/location"); !good)
    return fail(std::move(good.error()));
  const auto applied = catalog::apply(*count, force, stock_of());
  if (!applied) return fail(applied.error());
  inventory_.adjust_all(unit, applied->adjustments);
  record(unit, *count, {applied->event});
  idempotency_.store(key, id, unit.now());
  return Done{std::move(*count), false};
}

Result<StockCount> Counts::cancel(UnitOfWork& unit, const std::string& id) {
  auto count = load(id, {});
  if (!count) return count;
  const auto events = catalog::cancel(*count);
  if (!events) return fail(events.error());
  record(unit, *count, *events);
  return count;
}

}  // namespace stoa::catalog
