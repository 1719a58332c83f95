#include "kernel/jobs/schedule.hpp"

#include <gtest/gtest.h>

namespace stoa::jobs {
namespace {

std::string last_due(std::string_view schedule, std::string_view now) {
  return to_rfc3339(Schedule::parse(schedule)->last_due(*from_rfc3339(now)));
}

TEST(Schedule, LastDue_IsTheNewestInstantThatIsNotAfterNow) {
  EXPECT_EQ(last_due("daily 03:30", "2026-11-24T03:30:00Z"), "2026-11-24T03:30:00.000000Z");
  EXPECT_EQ(last_due("daily 03:30", "2026-11-24T03:29:59.999999Z"), "2026-11-23T03:30:00.000000Z");
  EXPECT_EQ(last_due("daily 00:00", "2026-11-24T23:59:59Z"), "2026-11-24T00:00:00.000000Z");
  EXPECT_EQ(last_due("every 15m", "2026-11-24T10:29:00Z"), "2026-11-24T10:15:00.000000Z");
  EXPECT_EQ(last_due("every 2s", "2026-11-24T10:29:03Z"), "2026-11-24T10:29:02.000000Z");
  EXPECT_EQ(last_due("every 6h", "2026-11-24T05:00:00Z"), "2026-11-24T00:00:00.000000Z");
}

TEST(Schedule, OtherTexts_AreNone) {
  for (const auto* text :
       {"", "daily", "daily 3:30", "daily 24:00", "daily 03:60", "daily 03:3x", "every", "every s",
        "every 0s", "every 5", "every -5s", "every 5d", "every 8000000s", "every 200h", "hourly"})
    EXPECT_FALSE(Schedule::parse(text)) << text;
}

}  // namespace
}  // namespace stoa::jobs
