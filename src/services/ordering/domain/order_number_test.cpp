#include "services/ordering/domain/order_number.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

namespace stoa::ordering {
namespace {

using namespace std::chrono;

constexpr auto christmas = 2026y / December / 25;

std::string made(std::string_view pattern, std::int64_t sequence, std::string_view prefix = "") {
  const auto parsed = OrderNumberPattern::parse(prefix, pattern);
  return parsed ? parsed->format(christmas, sequence) : parsed.error().detail;
}

TEST(OrderNumberPattern, Tokens_StandForWhatTheySay) {
  EXPECT_EQ(made("{seq}", 42), "42");
  EXPECT_EQ(made("{prefix}{yyyy}-{seq:6}", 42, "UK-"), "UK-2026-000042");
  EXPECT_EQ(made("#{yy}{mm}{dd}/{seq:2}", 142), "#261225/142") << "a count outgrows its digits";
  EXPECT_EQ(made("{seq:3}{check}", 7992739871), "79927398713") << "the digit of Luhn's own example";
  EXPECT_EQ(made("{check}-{seq}", 7992739871), "3-7992739871");
}

TEST(OrderNumberPattern, WhatCannotBeUnique_OrIsNoPattern_IsRefused) {
  for (const auto* pattern :
       {"", "{yyyy}", "{seq}{seq:2}", "{seq", "seq}", "{seq:0}", "{seq:19}", "{seq:x}", "{seq:}",
        "{yyyy:2}{seq}", "{week}{seq}", "A B{seq}", "{seq}é", "{check}{seq}{check}", "{{seq}}"})
    EXPECT_FALSE(OrderNumberPattern::parse("", pattern)) << pattern;
  EXPECT_FALSE(OrderNumberPattern::parse("{seq}", "{prefix}{seq}"));
  EXPECT_FALSE(OrderNumberPattern::parse("a b", "{seq}"));
  EXPECT_FALSE(OrderNumberPattern::parse("", std::string(90, 'x') + "{seq}"));
}

TEST(OrderNumberPattern, ACount_BeginsAnewWithThePeriodThatThePatternNames) {
  const auto period = [](std::string_view pattern) {
    return OrderNumberPattern::parse("", pattern)->period(christmas);
  };
  EXPECT_EQ(period("{seq}"), "");
  EXPECT_EQ(period("{yy}-{seq}"), "2026");
  EXPECT_EQ(period("{seq}{mm}{yyyy}"), "2026-12");
  EXPECT_EQ(period("{dd}{mm}{yyyy}{seq}"), "2026-12-25");
  EXPECT_EQ(period("{dd}{yyyy}{seq}"), "2026") << "a day without its month names no day";
  EXPECT_EQ(period("{mm}{seq}"), "") << "nor a month without its year";
}

TEST(OrderNumberPattern, ThePlainOne_IsKnown) {
  EXPECT_TRUE(OrderNumberPattern::parse("", "{seq}")->is_plain());
  EXPECT_TRUE(OrderNumberPattern::parse("UK", "{seq}")->is_plain()) << "the prefix is not used";
  EXPECT_FALSE(OrderNumberPattern::parse("UK", "{prefix}{seq}")->is_plain());
  EXPECT_FALSE(OrderNumberPattern::parse("", "{seq:2}")->is_plain());
}

TEST(OrderNumberPattern, InAHundredYears_NoNumberComesTwice) {
  const auto held = rc::check([] {
    const auto tokens = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
        std::vector<std::string>{"{yyyy}", "{yy}", "{mm}", "{dd}", "{check}", "-", "7", "A"}));
    const auto split = *rc::gen::inRange<std::size_t>(0, tokens.size() + 1);
    std::string text;
    for (std::size_t at = 0; at <= tokens.size(); ++at) {
      if (at == split) text += *rc::gen::elementOf(std::vector<std::string>{"{seq}", "{seq:4}"});
      if (at < tokens.size()) text += tokens[at];
    }
    const auto pattern = OrderNumberPattern::parse("", text);
    if (!pattern) RC_DISCARD("two checks, or too long");
    std::set<std::string> seen;
    std::map<std::string, std::int64_t> counters;
    const auto days_on = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 36'000));
    for (const int day : days_on) {
      const year_month_day date = sys_days(2026y / January / 1) + days(day);
      const auto number = pattern->format(date, ++counters[pattern->period(date)]);
      RC_ASSERT(seen.insert(number).second);
    }
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace stoa::ordering
