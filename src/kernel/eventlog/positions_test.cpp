#include "kernel/eventlog/positions.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

class SetClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return at; }
  Timestamp at{};
};

/// Has a head and nothing else.
class HeadOnly final : public EventLog {
 public:
  Result<std::int64_t> append(std::string_view, std::int64_t, const std::vector<NewEvent>&,
                              const Cause&, Timestamp, std::vector<RecordedEvent>*) override {
    return 0;
  }
  void read_stream(std::string_view, std::int64_t, const Each&) override {}
  void read_stream_backwards(std::string_view, const Each&) override {}
  void read_all(std::int64_t, const Each&) override {}
  void read_all_backwards(const Each&) override {}
  std::int64_t head() override { return at_start; }
  [[nodiscard]] std::int64_t durable_head() const override { return durable; }
  std::int64_t at_start = 0;
  std::int64_t durable = 0;
};

class LocalPositionsTest : public testing::Test {
 protected:
  LocalPositionsTest() {
    catalog_.at_start = 12;
    positions_.add("catalog", catalog_);
    positions_.add("ordering", ordering_);
  }
  void commit(std::int64_t ordering) {
    ordering_.durable = ordering;
    positions_.committed();
  }
  void wait_for(const std::string& text) {
    positions_.when_reached(*parse_positions(text), [this](bool reached) {
      answers_.emplace_back(reached ? "reached" : "not reached");
    });
  }
  using Answers = std::vector<std::string>;

  SetClock clock_;
  HeadOnly catalog_, ordering_;
  LocalPositions positions_{clock_};
  Answers answers_;
};

TEST(PositionVectorTest, Text_IsReadAsItWasWritten) {
  const PositionVector positions{{"catalog", 12}, {"ordering", 0}};
  EXPECT_EQ(to_text(positions), "catalog=12,ordering=0");
  EXPECT_EQ(parse_positions("catalog=12,ordering=0"), positions);
}

TEST(PositionVectorTest, MalformedText_IsRefused) {
  for (const auto* text : {"", ",", "catalog", "catalog=", "=12", "catalog=-1", "catalog=1x",
                           "catalog=1,", "catalog=1,,ordering=2", "catalog=1,catalog=2",
                           "catalog= 1", "catalog=99999999999999999999"})
    EXPECT_FALSE(parse_positions(text)) << text;
}

TEST_F(LocalPositionsTest, TheLogsOfTheLastRun_AreDurable) {
  EXPECT_EQ(to_text(positions_.durable()), "catalog=12,ordering=0");
  commit(3);
  EXPECT_EQ(to_text(positions_.durable()), "catalog=12,ordering=3");
}

TEST_F(LocalPositionsTest, StandsAtWhatIsDurable_UntilThatMoves) {
  const auto told = positions_.durable();
  EXPECT_TRUE(positions_.stands_at(told));
  EXPECT_FALSE(positions_.stands_at({}));
  EXPECT_FALSE(positions_.stands_at({{"catalog", 12}}));
  EXPECT_FALSE(positions_.stands_at({{"catalog", 12}, {"other", 0}}));
  commit(1);
  EXPECT_FALSE(positions_.stands_at(told));
  EXPECT_TRUE(positions_.stands_at(positions_.durable()));
}

TEST_F(LocalPositionsTest, WhatIsDurable_IsNotWaitedFor) {
  wait_for("catalog=12");
  EXPECT_EQ(answers_, Answers{"reached"});
}

TEST_F(LocalPositionsTest, ALaterPosition_WaitsForItsCommit) {
  wait_for("catalog=12,ordering=2");
  commit(1);
  EXPECT_TRUE(answers_.empty());
  commit(2);
  EXPECT_EQ(answers_, Answers{"reached"});
  commit(3);
  EXPECT_EQ(answers_.size(), 1U) << "answered once";
}

TEST_F(LocalPositionsTest, AnUnknownFuture_EndsAfterTwoSeconds) {
  wait_for("ordering=1000000");
  clock_.at += std::chrono::milliseconds(1999);
  positions_.expire();
  EXPECT_TRUE(answers_.empty());
  clock_.at += std::chrono::milliseconds(1);
  positions_.expire();
  EXPECT_EQ(answers_, Answers{"not reached"});
}

TEST_F(LocalPositionsTest, Waits_AreBounded) {
  for (std::size_t i = 0; i < LocalPositions::waiting_max; ++i) wait_for("ordering=5");
  EXPECT_TRUE(answers_.empty());
  wait_for("ordering=5");
  EXPECT_EQ(answers_, Answers{"not reached"});
}

}  // namespace
}  // namespace stoa
