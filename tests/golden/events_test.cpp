#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "kernel/eventlog/journal.hpp"
#include "kernel/json/sample.hpp"
#include "services/agents/application/fraud_assessor.hpp"
#include "services/agents/contracts/events.hpp"
#include "services/catalog/contracts/events.hpp"
#include "services/catalog/domain/events.hpp"
#include "services/notification/contracts/events.hpp"
#include "services/notification/domain/notification.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/ordering/domain/events.hpp"
#include "services/payment/contracts/events.hpp"
#include "services/payment/domain/payment.hpp"
#include "services/shop/contracts/events.hpp"
#include "services/shop/domain/settings.hpp"

/// Every version of every event that a log may hold or a feed may have given has one file with its
/// JSON, written when the version was made and never changed after; a version that has a successor
/// has another with what it is brought up to, `….upcast.json`. With STOA_WRITE_GOLDEN set in the
/// environment, the test writes the files that are missing.
namespace stoa {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

template <class Event>
void write_if_told(const fs::path& path) {
  if (std::getenv("STOA_WRITE_GOLDEN") == nullptr || fs::exists(path)) return;
  fs::create_directories(path.parent_path());
  std::ofstream(path) << json::sample_json<Event>() << '\n';
}

fs::path upcast_path(const fs::path& path) {
  return fs::path(path).replace_extension(".upcast.json");
}

template <class Variant, class Event>
void check(const fs::path& path) {
  ASSERT_TRUE(fs::exists(path)) << Event::type << " has no golden file " << path
                                << ": STOA_WRITE_GOLDEN=1 writes it";
  const auto stored = read(path);
  const auto event = json::read_stored<Event>(stored);
  ASSERT_TRUE(event) << path << ": " << event.error().detail;
  EXPECT_EQ(json::to_stored_json(*event), stored) << path;
  const auto present = encode_event(decode_event<Variant>(Event::type, stored));
  if (present.type == Event::type) {
    EXPECT_EQ(present.data, stored) << path;
    return;
  }
  const auto upcast = upcast_path(path);
  if (std::getenv("STOA_WRITE_GOLDEN") != nullptr && !fs::exists(upcast))
    std::ofstream(upcast) << present.data << '\n';
  EXPECT_EQ(read(upcast), present.data) << upcast << ": what " << Event::type << " becomes";
}

template <class Variant>
void check_all(const std::string& folder) {
  const auto root = fs::path(STOA_SOURCE_DIR) / "tests/golden" / folder;
  std::set<std::string> known;
  for_each_event_version<Variant>([&]<class Event>(std::type_identity<Event>) {
    const auto name = std::string(Event::type) + ".json";
    write_if_told<Event>(root / name);
    check<Variant, Event>(root / name);
    EXPECT_TRUE(known.insert(name).second) << name << " names two events";
    if constexpr (detail::Successor<Event>)
      known.insert(upcast_path(std::string(Event::previous::type) + ".json"));
  });
  for (const auto& entry : fs::directory_iterator(root))
    EXPECT_TRUE(known.contains(entry.path().filename()))
        << entry.path() << " is of no event: a version that was ever stored must stay readable";
}

/// An event of two versions: the services' own have one each so far.
struct ParcelSentV1 {
  static constexpr std::string_view type = "ParcelSent.v1";
  std::string parcel_id;
  std::int64_t weight_grams = 0;
  static constexpr auto fields() {
    return std::tuple{json::field("parcel_id", &ParcelSentV1::parcel_id),
                      json::field("weight_grams", &ParcelSentV1::weight_grams)};
  }
};
struct ParcelSent {
  static constexpr std::string_view type = "ParcelSent.v2";
  using previous = ParcelSentV1;
  std::string parcel_id;
  std::int64_t weight_milligrams = 0;
  std::optional<std::string> carrier;
  static ParcelSent upcast(ParcelSentV1 old) {
    return {std::move(old.parcel_id), old.weight_grams * 1'000, {}};
  }
  static constexpr auto fields() {
    return std::tuple{json::field("parcel_id", &ParcelSent::parcel_id),
                      json::field("weight_milligrams", &ParcelSent::weight_milligrams),
                      json::field("carrier", &ParcelSent::carrier)};
  }
};

TEST(GoldenEvents, OfTwoVersions_TheOlderBecomesTheNewer) {
  check_all<std::variant<ParcelSent>>("example");
}

TEST(GoldenEvents, OfCatalog_AreReadAndWrittenAsEver) {
  check_all<catalog::StoredEvent>("catalog/stored");
  check_all<catalog::contracts::Event>("catalog/published");
}

TEST(GoldenEvents, OfOrdering_AreReadAndWrittenAsEver) {
  check_all<ordering::OrderEvent>("ordering/stored");
  check_all<ordering::contracts::Event>("ordering/published");
}

TEST(GoldenEvents, OfPayment_AreReadAndWrittenAsEver) {
  check_all<payment::PaymentEvent>("payment/stored");
  check_all<payment::contracts::Event>("payment/published");
}

TEST(GoldenEvents, OfNotification_AreReadAndWrittenAsEver) {
  check_all<notification::StoredEvent>("notification/stored");
  check_all<notification::contracts::Event>("notification/published");
}

TEST(GoldenEvents, OfAgents_AreReadAndWrittenAsEver) {
  check_all<agents::StoredEvent>("agents/stored");
  check_all<agents::contracts::Event>("agents/published");
}

TEST(GoldenEvents, OfShop_AreReadAndWrittenAsEver) {
  check_all<shop::StoredEvent>("shop/stored");
  check_all<shop::contracts::Event>("shop/published");
}

}  // namespace
}  // namespace stoa
