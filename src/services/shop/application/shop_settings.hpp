#pragma once

#include "kernel/eventlog/journal.hpp"
#include "kernel/json/value.hpp"
#include "services/shop/contracts/events.hpp"
#include "services/shop/domain/settings.hpp"

namespace stoa::shop {

/// The settings and the revision of the stream `shop` that they are at; 0: never changed.
struct CurrentSettings {
  Settings settings;
  std::int64_t revision = 0;
  std::optional<Timestamp> updated_at;
};

/// The newest event of the stream holds all settings. On any thread with a log of its own.
CurrentSettings read_settings(EventLog& log);

/// The integration event of a stored one.
std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent& row);

/// The write side. Writer thread only.
class ShopSettings {
 public:
  ShopSettings(EventLog& log, Topic<contracts::Event>& topic, SettingsRules rules)
      : journal_(log, topic, translate), rules_(std::move(rules)) {}

  /// Merges a JSON merge patch into what is set. `revision_mismatch` (precondition_failed) when
  /// `revision` is given and not the present one; `invalid_body` (invalid) with all faults; a patch
  /// that changes nothing appends nothing.
  Result<CurrentSettings> change(UnitOfWork& unit, std::optional<std::int64_t> revision,
                                 const json::Value& patch);

 private:
  Journal<StoredEvent, contracts::Event> journal_;
  SettingsRules rules_;
};

}  // namespace stoa::shop
