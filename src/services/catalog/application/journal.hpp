#pragma once

#include <stdexcept>

#include "kernel/eventlog/journal.hpp"
#include "services/catalog/contracts/events.hpp"
#include "services/catalog/domain/events.hpp"

namespace stoa::catalog {

using CatalogJournal = Journal<StoredEvent, contracts::Event>;

/// The integration event of a stored one, if it has one.
std::optional<contracts::Event> published(const StoredEvent& event, const RecordedEvent& recorded);

/// The one writer knows every revision: a refusal is a defect, and the batch is rolled back.
inline std::int64_t append(CatalogJournal& journal, UnitOfWork& unit, const std::string& stream,
                           std::int64_t expected, const std::vector<StoredEvent>& events) {
  auto revision = journal.append(unit, stream, expected, events);
  if (!revision) throw std::logic_error(stream + ": " + revision.error().detail);
  return *revision;
}

}  // namespace stoa::catalog
