#include "services/shop/application/shop_settings.hpp"

#include "services/shop/application/merge_patch.hpp"

namespace stoa::shop {
namespace {

constexpr std::string_view stream = "shop";

std::unexpected<Error> invalid(std::vector<FieldError> errors) {
  return fail(Error{ErrorKind::invalid, "invalid_body",
                    "The body breaks the rules of this operation; see errors.", std::move(errors)});
}

Result<Settings> patched(const Settings& settings, const json::Value& patch,
                         const SettingsRules& rules) {
  if (!patch.is_object())
    return invalid({{"", "wrong_type", "Must be an object: a JSON merge patch."}});
  const auto before = json::parse(json::to_stored_json(settings));
  STOA_ASSERT(before.has_value());
  json::Reader reader(json::Reader::Origin::client);
  Settings after;
  json::Codec<Settings>::read(reader, merge_patch(*before, patch), after, json::Unbounded{});
  if (!reader.errors().empty()) return invalid(reader.take_errors());
  if (auto faults = faults_of(after, rules); !faults.empty()) return invalid(std::move(faults));
  return after;
}

}  // namespace

CurrentSettings read_settings(EventLog& log) {
  CurrentSettings current;
  log.read_stream_backwards(stream, [&](const RecordedEvent& row) {
    auto event = decode_event<StoredEvent>(row.type, row.data);
    current = {std::move(std::get<ShopChanged>(event).settings), row.revision, row.recorded_at};
    return false;
  });
  return current;
}

std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent&) {
  const auto& s = std::get<ShopChanged>(event).settings;
  return contracts::ShopChanged{s.name,
                                s.currencies,
                                s.time_zone,
                                s.languages,
                                s.addresses.legal,
                                s.addresses.returns,
                                s.addresses.support_email,
                                s.deadlines.payment_seconds,
                                s.deadlines.capture_seconds,
                                s.allocation == Allocation::priority
                                    ? contracts::Allocation::priority
                                    : contracts::Allocation::fewest_locations,
                                s.order_numbers.prefix,
                                s.order_numbers.pattern};
}

Result<CurrentSettings> ShopSettings::change(UnitOfWork& unit, std::optional<std::int64_t> revision,
                                             const json::Value& patch) {
  auto current = read_settings(journal_.log());
  if (revision && *revision != current.revision)
    return fail(ErrorKind::precondition_failed, "revision_mismatch",
                "The shop is at revision " + std::to_string(current.revision) + ".");
  auto after = patched(current.settings, patch, rules_);
  if (!after) return fail(std::move(after.error()));
  if (*after == current.settings) return current;
  const auto appended = journal_.append(unit, stream, current.revision, {ShopChanged{*after}});
  STOA_ASSERT(appended.has_value());
  return CurrentSettings{std::move(*after), *appended, unit.now()};
}

}  // namespace stoa::shop
