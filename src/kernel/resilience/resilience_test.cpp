#include <gtest/gtest.h>

#include "kernel/resilience/backoff.hpp"
#include "kernel/resilience/circuit_breaker.hpp"

namespace stoa {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, Delay_DoublesUpToTheMost) {
  constexpr Backoff backoff;
  EXPECT_EQ(backoff.delay(0, 0), milliseconds(500));
  EXPECT_EQ(backoff.delay(1, 0), seconds(1));
  EXPECT_EQ(backoff.delay(2, 0), seconds(2));
  EXPECT_EQ(backoff.delay(3, 0), seconds(2));
  EXPECT_EQ(backoff.delay(INT64_MAX, 0), seconds(2));
}

TEST(Backoff, Delay_IsSpreadByAQuarterAtMost) {
  constexpr Backoff backoff;
  for (std::uint64_t seed = 0; seed < 512; ++seed) {
    EXPECT_GE(backoff.delay(0, seed), milliseconds(500));
    EXPECT_LT(backoff.delay(0, seed), milliseconds(625));
  }
  EXPECT_NE(backoff.delay(0, 1), backoff.delay(0, 200));
}

TEST(CircuitBreaker, FailuresInARow_OpenIt_AndOneProbeClosesIt) {
  CircuitBreaker breaker({3, seconds(1)});
  const Timestamp start{};
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(breaker.allow(start));
    breaker.failed(start);
  }
  EXPECT_FALSE(breaker.allow(start + milliseconds(999)));
  EXPECT_TRUE(breaker.allow(start + seconds(1)));
  EXPECT_FALSE(breaker.allow(start + seconds(1))) << "one probe at a time";
  breaker.succeeded();
  EXPECT_TRUE(breaker.allow(start + seconds(1)));
}

TEST(CircuitBreaker, AFailedProbe_OpensItAgain) {
  CircuitBreaker breaker({1, seconds(1)});
  const Timestamp start{};
  breaker.failed(start);
  EXPECT_TRUE(breaker.allow(start + seconds(1)));
  breaker.failed(start + seconds(1));
  EXPECT_FALSE(breaker.allow(start + milliseconds(1'999)));
  EXPECT_TRUE(breaker.allow(start + seconds(2)));
}

TEST(CircuitBreaker, ASuccessBetween_KeepsItClosed) {
  CircuitBreaker breaker({2, seconds(1)});
  for (int i = 0; i < 10; ++i) {
    breaker.failed({});
    breaker.succeeded();
  }
  EXPECT_EQ(breaker.state(), CircuitBreaker::State::closed);
}

}  // namespace
}  // namespace stoa
