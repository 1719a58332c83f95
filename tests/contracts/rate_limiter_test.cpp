#include "kernel/resilience/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <thread>

#include "contracts/by_hand.hpp"
#include "contracts/patience.hpp"
#include "contracts/redis_server.hpp"
#include "platform/redis/rate_limiter.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;

RateVerdict take(RateLimiter& limiter, const std::string& client, Timestamp now = {}) {
  std::promise<RateVerdict> told;
  limiter.take(client, now, [&](RateVerdict verdict) { told.set_value(verdict); });
  return told.get_future().get();
}

std::unique_ptr<redis::SharedRateLimiter> open(const RedisServer& server, RateLimit limit,
                                               bool in_a_hurry = false) {
  auto limiter = redis::make_rate_limiter(server.settings(in_a_hurry), limit, {});
  EXPECT_TRUE(comes_true([&] { return is_asked(*limiter); }));
  return limiter;
}

/// In memory by a clock of the test, in Redis by the server's own.
class RateLimiterContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() != "Redis") return;
    STOA_NEEDS_REDIS();
    server_.emplace();
  }
  void limit_to(RateLimit limit) {
    if (server_) {
      limiter_ = open(*server_, limit);
    } else {
      limiter_ = make_memory_rate_limiter(limit);
    }
  }
  RateVerdict take(const std::string& client) {
    return stoa::take(*limiter_, client, clock_.now());
  }
  void pass(Duration time) {
    clock_.pass(time);
    if (server_) std::this_thread::sleep_for(time);
  }

  HandClock clock_;
  std::optional<RedisServer> server_;
  std::unique_ptr<RateLimiter> limiter_;
};

TEST_P(RateLimiterContract, EachClientHasItsOwnBurst) {
  limit_to({1, 1});
  EXPECT_TRUE(take("a").allowed);
  EXPECT_FALSE(take("a").allowed);
  EXPECT_TRUE(take("b").allowed);
  pass(1s);
  EXPECT_TRUE(take("a").allowed);
}

TEST_P(RateLimiterContract, ABurstAtOnce_ThenTheRate) {
  limit_to({2, 3});
  for (std::int64_t left = 2; left >= 0; --left) {
    const auto verdict = take("a");
    EXPECT_TRUE(verdict.allowed);
    EXPECT_EQ(verdict.remaining, left);
  }
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(take("a").allowed) << "and costs nothing";
  pass(500ms);
  EXPECT_TRUE(take("a").allowed);
  EXPECT_FALSE(take("a").allowed);
}

TEST_P(RateLimiterContract, TellsWhenToComeBack_AndWhenAllIsThereAgain) {
  limit_to({2, 2});
  const auto first = take("a");
  EXPECT_EQ(first.retry_after, Duration(0));
  EXPECT_GT(first.full_after, 400ms);
  EXPECT_LE(first.full_after, 500ms);
  const auto second = take("a");
  EXPECT_EQ(second.remaining, 0);
  EXPECT_GT(second.retry_after, 300ms);
  EXPECT_LE(second.retry_after, 500ms);
  const auto refused = take("a");
  EXPECT_FALSE(refused.allowed);
  pass(refused.retry_after + 1ms);
  EXPECT_TRUE(take("a").allowed);
}

TEST_P(RateLimiterContract, AFastRate_IsCountedExactly) {
  limit_to({1'000'000, 100});
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += take("a").allowed ? 1 : 0;
  EXPECT_EQ(allowed, 100);
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, RateLimiterContract, testing::Values("Memory", "Redis"),
                         [](const auto& one) { return one.param; });

TEST(RedisRateLimiter, ReplicasShareWhatAClientMaySend) {
  STOA_NEEDS_REDIS();
  const RedisServer server;
  const auto one = open(server, {1, 10}), two = open(server, {1, 10});
  int allowed = 0;
  for (int i = 0; i < 10; ++i)
    allowed += (take(*one, "a").allowed ? 1 : 0) + (take(*two, "a").allowed ? 1 : 0);
  EXPECT_GE(allowed, 10);
  EXPECT_LE(allowed, 12) << "and what a second or two give back";
}

TEST(RedisRateLimiter, WithoutAnAnswer_Allows_AndNobodyWaitsForLong) {
  STOA_NEEDS_REDIS();
  RedisServer server;
  const auto limiter = open(server, {1, 1}, true);
  EXPECT_TRUE(comes_true([&] { return !take(*limiter, "a").allowed; }));
  server.pause();
  for (int i = 0; i < 2'000; ++i) EXPECT_TRUE(take(*limiter, "a").allowed);
  EXPECT_FALSE(is_asked(*limiter)) << "else each of them had waited";
  server.go_on();
  EXPECT_TRUE(comes_true([&] { return !take(*limiter, "a").allowed; }));
  server.kill();
  EXPECT_TRUE(comes_true([&] { return take(*limiter, "a").allowed; }));
  server.start();
  EXPECT_TRUE(comes_true([&] { return !take(*limiter, "a").allowed; }));
}

}  // namespace
}  // namespace stoa
