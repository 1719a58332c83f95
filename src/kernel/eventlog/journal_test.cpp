#include "kernel/eventlog/journal.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

struct PricedV1 {
  static constexpr std::string_view type = "Priced.v1";
  std::int64_t pence = 0;
  static constexpr auto fields() { return std::tuple{json::field("pence", &PricedV1::pence)}; }
};

struct PricedV2 {
  static constexpr std::string_view type = "Priced.v2";
  using previous = PricedV1;
  std::int64_t amount = 0;
  static constexpr auto fields() { return std::tuple{json::field("amount", &PricedV2::amount)}; }
  static PricedV2 upcast(const PricedV1& older) { return {older.pence}; }
};

struct Priced {
  static constexpr std::string_view type = "Priced.v3";
  using previous = PricedV2;
  std::int64_t amount = 0;
  std::string currency;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("amount", &Priced::amount), field("currency", &Priced::currency)};
  }
  static Priced upcast(const PricedV2& older) { return {older.amount, "GBP"}; }
};

struct Named {
  static constexpr std::string_view type = "Named.v1";
  std::string name;
  static constexpr auto fields() { return std::tuple{json::field("name", &Named::name)}; }
};

using Event = std::variant<Named, Priced>;

Priced priced(std::string_view type, std::string_view data) {
  return std::get<Priced>(decode_event<Event>(type, data));
}

TEST(DecodeEvent, ThePresentVersion_IsReadAsItIs) {
  const auto event = priced("Priced.v3", R"({"amount":5,"currency":"EUR"})");
  EXPECT_EQ(event.amount, 5);
  EXPECT_EQ(event.currency, "EUR");
}

TEST(DecodeEvent, OlderVersions_AreBroughtUpStepByStep) {
  EXPECT_EQ(priced("Priced.v2", R"({"amount":7})").amount, 7);
  const auto oldest = priced("Priced.v1", R"({"pence":9})");
  EXPECT_EQ(oldest.amount, 9);
  EXPECT_EQ(oldest.currency, "GBP");
}

TEST(DecodeEvent, AnUnknownType_StopsTheProcess) {
  EXPECT_DEATH(static_cast<void>(decode_event<Event>("Priced.v4", "{}")),
               "no event type Priced.v4");
}

TEST(DecodeEvent, DataThatCannotBeRead_StopTheProcess) {
  EXPECT_DEATH(static_cast<void>(decode_event<Event>("Priced.v1", "{}")), "pence");
}

TEST(ReadEvent, WhatCannotBeRead_IsAnError) {
  EXPECT_EQ(read_event<Event>("Priced.v4", "{}").error().code, "unknown_event");
  const auto wrong = read_event<Event>("Priced.v1", "{}");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().detail.find("pence"), std::string::npos) << wrong.error().detail;
}

TEST(TypesOf, AllVersions_AreNamed) {
  EXPECT_EQ(types_of<Event>(),
            (std::vector<std::string_view>{"Named.v1", "Priced.v3", "Priced.v2", "Priced.v1"}));
}

}  // namespace
}  // namespace stoa
