#include "platform/tzdata/time_zones.hpp"

#include <gtest/gtest.h>

#include "platform/tzdata/posix_rule.hpp"

namespace stoa::tzdata {
namespace {

std::int64_t minutes_east(std::string_view zone, std::string_view at) {
  const auto offset = make_time_zones()->offset(zone, *from_rfc3339(at));
  return offset ? offset->count() / 60 : -9999;
}

TEST(TimeZones, Offsets_FollowDaylightSaving) {
  if (!make_time_zones()->knows("Europe/London")) GTEST_SKIP() << "this system has no tzdata";
  EXPECT_EQ(minutes_east("Europe/London", "2026-01-15T12:00:00Z"), 0);
  EXPECT_EQ(minutes_east("Europe/London", "2026-03-29T00:59:59Z"), 0);
  EXPECT_EQ(minutes_east("Europe/London", "2026-03-29T01:00:00Z"), 60);
  EXPECT_EQ(minutes_east("Europe/London", "2026-10-25T00:59:59Z"), 60);
  EXPECT_EQ(minutes_east("Europe/London", "2026-10-25T01:00:00Z"), 0);
  EXPECT_EQ(minutes_east("Asia/Kolkata", "2026-07-01T00:00:00Z"), 330);
  EXPECT_EQ(minutes_east("Australia/Sydney", "2026-01-15T00:00:00Z"), 660);
  EXPECT_EQ(minutes_east("America/New_York", "2090-07-01T00:00:00Z"), -240)
      << "beyond the times that the file lists";
}

TEST(TimeZones, TheDate_IsTheOneOnTheWall) {
  const auto zones = make_time_zones();
  if (!zones->knows("Pacific/Auckland")) GTEST_SKIP() << "this system has no tzdata";
  using namespace std::chrono;
  const auto at = *from_rfc3339("2026-12-31T11:30:00Z");
  EXPECT_EQ(local_date(*zones, "Pacific/Auckland", at), 2027y / January / 1);
  EXPECT_EQ(local_date(*zones, "UTC", at), 2026y / December / 31);
}

TEST(TimeZones, WhatIsNoZone_IsNotKnown) {
  const auto zones = make_time_zones();
  EXPECT_TRUE(zones->knows("UTC"));
  for (const auto* name :
       {"", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe/../Europe/London",
        "Europe/", "Europe", "europe/london", "localtime", "posixrules", "posix/Europe/London",
        "right/UTC", "zone.tab", "tzdata.zi", "Europe//London", "Europe/London ", "UTC0"})
    EXPECT_FALSE(zones->knows(name)) << name;
}

TEST(TimeZones, WithoutTheDatabase_ThereIsUtc) {
  const auto zones = make_time_zones("/nonexistent");
  EXPECT_EQ(zones->offset("UTC", Timestamp{}), std::chrono::seconds(0));
  EXPECT_FALSE(zones->knows("Europe/London"));
}

TEST(PosixRule, AllKindsOfChanges_AreUnderstood) {
  const auto second = [](std::string_view at) {
    return to_unix_microseconds(*from_rfc3339(at)) / 1'000'000;
  };
  const auto julian = PosixRule::parse("<+03>-3<+04>,J60/0,J300/0");
  ASSERT_TRUE(julian);
  EXPECT_EQ(julian->offset(second("2028-02-29T20:59:59Z")), 3 * 3600);
  EXPECT_EQ(julian->offset(second("2028-02-29T21:00:00Z")), 4 * 3600) << "J60 is 1 March";
  const auto nuuk = PosixRule::parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
  ASSERT_TRUE(nuuk);
  EXPECT_EQ(nuuk->offset(second("2040-03-25T00:59:59Z")), -7200);
  EXPECT_EQ(nuuk->offset(second("2040-03-25T01:00:00Z")), -3600);
  const auto all_year = PosixRule::parse("XXX3EDT4,0/0,J365/23");
  ASSERT_TRUE(all_year);
  EXPECT_EQ(all_year->offset(second("2040-07-01T00:00:00Z")), -4 * 3600);
  EXPECT_EQ(PosixRule::parse("JST-9")->offset(0), 9 * 3600);
  for (const auto* text : {"", "JST", "9", "GMT0BST", "GMT0BST,M3.5.0/1", "GMT0BST,M13.5.0,M10.5.0",
                           "GMT0BST,M3.5.0,M10.5.0x", "<+03-3"})
    EXPECT_FALSE(PosixRule::parse(text)) << text;
}

}  // namespace
}  // namespace stoa::tzdata
