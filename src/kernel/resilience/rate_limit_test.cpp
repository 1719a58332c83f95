#include "kernel/resilience/rate_limit.hpp"

#include <gtest/gtest.h>

#include "kernel/resilience/rate_limiter.hpp"

namespace stoa {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Timestamp start{std::chrono::hours(24 * 365 * 50)};

TEST(CellRate, ABurstAtOnce_ThenTheRate) {
  const CellRate rate({10, 3});
  std::int64_t arrival = 0;
  for (std::int64_t left = 2; left >= 0; --left) {
    const auto verdict = rate.take(arrival, start);
    EXPECT_TRUE(verdict.allowed);
    EXPECT_EQ(verdict.remaining, left);
  }
  EXPECT_FALSE(rate.take(arrival, start).allowed);
  EXPECT_FALSE(rate.take(arrival, start + milliseconds(99)).allowed);
  EXPECT_TRUE(rate.take(arrival, start + milliseconds(100)).allowed);
  EXPECT_FALSE(rate.take(arrival, start + milliseconds(100)).allowed);
}

TEST(CellRate, TellsWhenToComeBack_AndWhenAllIsThereAgain) {
  const CellRate rate({10, 2});
  std::int64_t arrival = 0;
  const auto first = rate.take(arrival, start);
  EXPECT_EQ(first.retry_after, Duration(0));
  EXPECT_EQ(first.full_after, milliseconds(100));
  const auto second = rate.take(arrival, start);
  EXPECT_EQ(second.remaining, 0);
  EXPECT_EQ(second.retry_after, milliseconds(100));
  EXPECT_EQ(second.full_after, milliseconds(200));
  const auto refused = rate.take(arrival, start + milliseconds(40));
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, milliseconds(60));
  EXPECT_EQ(refused.full_after, milliseconds(160));
  EXPECT_TRUE(rate.take(arrival, start + milliseconds(40) + refused.retry_after).allowed);
}

TEST(CellRate, ARefusedRequest_CostsNothing) {
  const CellRate rate({1, 1});
  std::int64_t arrival = 0;
  EXPECT_TRUE(rate.take(arrival, start).allowed);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(rate.take(arrival, start + milliseconds(500)).allowed);
  EXPECT_TRUE(rate.take(arrival, start + seconds(1)).allowed);
}

TEST(CellRate, InTheLongRun_NoMoreThanTheRate) {
  for (const std::int64_t per_second : {1, 3, 7, 1'000, 333'333, 1'000'000}) {
    const CellRate rate({per_second, 5});
    std::int64_t arrival = 0;
    std::int64_t allowed = 0;
    const auto wanted = std::min<std::int64_t>(per_second * 10, 100'000);
    const auto step = Duration(1'000'000 * wanted / per_second / 200'000 + 1);
    auto now = start;
    for (; now < start + Duration(1'000'000 * wanted / per_second); now += step)
      while (rate.take(arrival, now).allowed) ++allowed;
    EXPECT_LE(allowed, wanted + 5) << per_second;
    EXPECT_GE(allowed, wanted - 1) << per_second;
  }
}

TEST(CellRate, AClockThatFell_NeverLocksAClientOut) {
  const CellRate rate({10, 1});
  auto arrival = CellRate::to_ns(start + std::chrono::hours(1));
  EXPECT_EQ(rate.take(arrival, start).retry_after, milliseconds(100));
}

RateVerdict take(RateLimiter& limiter, std::string client, Timestamp now) {
  RateVerdict verdict;
  limiter.take(std::move(client), now, [&](RateVerdict told) { verdict = told; });
  return verdict;
}

TEST(MemoryRateLimiter, Crowded_ForgetsWhoIsNearestToAFullBurst) {
  const auto limiter = make_memory_rate_limiter({1, 2}, 3);
  for (int i = 0; i < 3; ++i) take(*limiter, "busy", start);
  for (int i = 0; i < 1'000; ++i) take(*limiter, "passer-by " + std::to_string(i), start);
  EXPECT_FALSE(take(*limiter, "busy", start).allowed);
  EXPECT_EQ(take(*limiter, "passer-by 0", start).remaining, 1) << "was forgotten";
}

}  // namespace
}  // namespace stoa
