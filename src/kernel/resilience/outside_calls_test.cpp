#include "kernel/resilience/outside_calls.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace stoa {
namespace {

using std::chrono::seconds;

class FixedClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return time; }
  Timestamp time;
};

class OutsideCallsTest : public testing::Test {
 protected:
  OutsideCalls calls_with(std::size_t in_flight_max, std::size_t waiting_max) {
    return {clock_, {in_flight_max, waiting_max, seconds(3), {2, seconds(1)}}};
  }
  bool send(OutsideCalls& calls, const std::string& key) {
    return calls.send(key, [this, key] { sent_.push_back(key); });
  }
  FixedClock clock_;
  std::vector<std::string> sent_;
};

TEST_F(OutsideCallsTest, ABoundedNumberIsInFlight_TheRestWaitsInLine_AndTooManyAreForgotten) {
  auto calls = calls_with(2, 1);
  EXPECT_TRUE(send(calls, "a"));
  EXPECT_TRUE(send(calls, "b"));
  EXPECT_TRUE(send(calls, "c"));
  EXPECT_FALSE(send(calls, "d"));
  EXPECT_EQ(sent_, (std::vector<std::string>{"a", "b"}));
  calls.answered("a");
  EXPECT_EQ(sent_, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(calls.in_flight(), 2U);
}

TEST_F(OutsideCallsTest, CallsWithoutAnAnswer_OpenTheBreaker_AndAProbeClosesIt) {
  auto calls = calls_with(10, 10);
  send(calls, "a");
  send(calls, "b");
  clock_.time += seconds(3);
  calls.tend();
  EXPECT_EQ(calls.in_flight(), 0U);
  EXPECT_EQ(calls.breaker_state(), CircuitBreaker::State::open);
  send(calls, "c");
  send(calls, "d");
  EXPECT_EQ(sent_.size(), 2U) << "nothing goes out";
  clock_.time += seconds(1);
  calls.tend();
  EXPECT_EQ(sent_.back(), "c") << "one probe";
  calls.answered("c");
  EXPECT_EQ(sent_.back(), "d");
}

TEST_F(OutsideCallsTest, ACallWhoseTurnComesTooLate_IsForgotten) {
  auto calls = calls_with(1, 10);
  send(calls, "a");
  calls.send("b", [this] { sent_.emplace_back("b"); }, clock_.time + seconds(1));
  send(calls, "c");
  clock_.time += seconds(1);
  calls.answered("a");
  EXPECT_EQ(sent_, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(calls.in_flight(), 1U);
}

TEST_F(OutsideCallsTest, ACallThatSaysItHasNoAnswer_CountsOnce) {
  auto calls = calls_with(10, 10);
  send(calls, "a");
  calls.unanswered("a");
  calls.unanswered("a");
  EXPECT_EQ(calls.breaker_state(), CircuitBreaker::State::closed);
  send(calls, "b");
  calls.unanswered("b");
  EXPECT_EQ(calls.breaker_state(), CircuitBreaker::State::open);
}

}  // namespace
}  // namespace stoa
