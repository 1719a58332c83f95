#include "kernel/mediator/write_loop.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

namespace stoa {
namespace {

/// What happened, in order; any thread may add and wait.
class Story {
 public:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::move(what));
    grown_.notify_all();
  }
  [[nodiscard]] std::vector<std::string> told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  [[nodiscard]] std::ptrdiff_t count(const std::string& what) const {
    const std::lock_guard lock(mutex_);
    return count_locked(what);
  }
  /// False when it has not happened `times` times after ten seconds.
  bool wait_for(const std::string& what, std::ptrdiff_t times) {
    std::unique_lock lock(mutex_);
    return grown_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return count_locked(what) >= times; });
  }

 private:
  [[nodiscard]] std::ptrdiff_t count_locked(const std::string& what) const {
    return std::count(told_.begin(), told_.end(), what);
  }
  mutable std::mutex mutex_;
  std::condition_variable grown_;
  std::vector<std::string> told_;
};

class FakeTransactions final : public sql::Transactions {
 public:
  explicit FakeTransactions(Story& story) : story_(story) {}
  bool begin() override {
    story_.add("begin");
    return is_alone_;
  }
  void commit() override {
    if (failures_ > 0) {
      --failures_;
      throw sql::Failure("the disk is full");
    }
    story_.add("commit");
  }
  void rollback() noexcept override { story_.add("rollback"); }
  int failures_ = 0;
  bool is_alone_ = true;

 private:
  Story& story_;
};

class FakeParticipant final : public Participant {
 public:
  explicit FakeParticipant(Story& story) : story_(story) {}
  void flush(UnitOfWork&) override { story_.add("flush"); }
  void rolled_back() noexcept override { story_.add("forget"); }
  void committed() noexcept override { story_.add("durable"); }

 private:
  Story& story_;
};

/// Jumps back and forth.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return Timestamp{} + std::chrono::seconds(++calls_ % 2);
  }

 private:
  mutable int calls_ = 0;
};

using Told = std::vector<std::string>;
using Lane = Executor::Lane;

class WriteLoopTest : public testing::Test {
 protected:
  /// What is submitted before start() waits together: batches are known then.
  WriteLoop& make(WriteLoopOptions options = {}) {
    loop_ = make_write_loop(
        transactions_, clock_, participants_, [this](const std::string&) { story_.add("defect"); },
        options);
    return *loop_;
  }
  Executor::Work work(const std::string& name, Lane lane = Lane::inside, int weight = 1) {
    return {lane,
            weight,
            {},
            [this, name](UnitOfWork&) { story_.add(name); },
            [this, name](const Error* failure) {
              story_.add(name + (failure != nullptr ? " failed" : " done"));
            }};
  }
  Executor::Work guilty(const std::string& name) {
    auto bad = work(name);
    bad.run = [](UnitOfWork&) { throw std::runtime_error("a defect"); };
    return bad;
  }
  void submit(Executor::Work one) { ASSERT_TRUE(loop_->submit(std::move(one))); }
  void run() {
    loop_->start();
    loop_->stop();
  }

  Story story_;
  FakeTransactions transactions_{story_};
  FakeParticipant participant_{story_};
  std::vector<Participant*> participants_{&participant_};
  FakeClock clock_;
  std::unique_ptr<WriteLoop> loop_;
};

TEST_F(WriteLoopTest, WhatWaits_SharesOneTransaction) {
  make();
  for (const auto* name : {"a", "b", "c"}) submit(work(name));
  run();
  EXPECT_EQ(story_.told(), (Told{"begin", "a", "b", "c", "flush", "commit", "durable", "a done",
                                 "b done", "c done"}));
  EXPECT_EQ(loop_->figures().commits, 1);
  EXPECT_EQ(loop_->figures().commands, 3);
}

TEST_F(WriteLoopTest, WhatIsRemembered_GoesWhenOthersHaveWritten) {
  make();
  transactions_.is_alone_ = false;
  submit(work("a"));
  run();
  EXPECT_EQ(story_.told(), (Told{"begin", "forget", "a", "flush", "commit", "durable", "a done"}));
}

TEST_F(WriteLoopTest, ABatch_IsBoundedByWeight) {
  make({.batch_weight_max = 3});
  submit(work("a", Lane::inside, 2));
  submit(work("b", Lane::inside, 1));
  submit(work("c", Lane::inside, 100));
  run();
  EXPECT_EQ(loop_->figures().commits, 2);
  EXPECT_EQ(story_.told()[2], "b");
}

TEST_F(WriteLoopTest, WhatComesSoonAfterATransactionBegan_SharesTheNext) {
  make({.pace = std::chrono::seconds(1)});
  loop_->start();
  const auto until_decided = [&](std::int64_t commands) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (loop_->figures().commands < commands && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  submit(work("a"));
  until_decided(1);
  EXPECT_EQ(loop_->figures().commits, 1) << "after a rest nobody waits";
  submit(work("b"));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  submit(work("c"));
  until_decided(3);
  EXPECT_EQ(loop_->figures().commits, 2);
  submit(work("d"));
  loop_->stop();
  EXPECT_EQ(loop_->figures().commands, 4) << "an end waits for no pace";
}

TEST_F(WriteLoopTest, AFailedBatch_FailsTheGuiltyAlone) {
  make();
  submit(work("a"));
  submit(guilty("b"));
  submit(work("c"));
  run();
  EXPECT_EQ(
      story_.told(),
      (Told{"begin", "a",        "rollback", "forget", "defect",              // all together
            "begin", "a",        "flush",    "commit", "durable",  "a done",  // then each alone
            "begin", "rollback", "forget",   "defect", "b failed",            //
            "begin", "c",        "flush",    "commit", "durable",  "c done"}));
  EXPECT_EQ(loop_->figures().rollbacks, 2);
}

TEST_F(WriteLoopTest, AFailedCommit_IsTriedAgainAloneAndAnsweredOnce) {
  transactions_.failures_ = 1;
  make();
  submit(work("a"));
  submit(work("b"));
  run();
  EXPECT_EQ(story_.count("a done"), 1);
  EXPECT_EQ(story_.count("b done"), 1);
  EXPECT_EQ(story_.count("commit"), 2);
}

TEST_F(WriteLoopTest, ACommandThatCannotBeMadeDurable_IsTold) {
  transactions_.failures_ = 1;
  make();
  submit(work("a"));
  run();
  EXPECT_EQ(story_.told(),
            (Told{"begin", "a", "flush", "rollback", "forget", "defect", "a failed"}));
}

TEST_F(WriteLoopTest, AFailedBatch_DropsItsReactionsAndOutsideWork) {
  make();
  auto a = work("a");
  a.run = [this](UnitOfWork& unit) {
    unit.after_commit([this] { story_.add("outside"); });
    unit.react([this](UnitOfWork&) { story_.add("reaction"); });
  };
  submit(std::move(a));
  submit(guilty("b"));
  run();
  EXPECT_EQ(story_.count("outside"), 1);
}

TEST_F(WriteLoopTest, Reactions_ShareTheTransactionAndItsCause) {
  make();
  auto a = work("a");
  a.cause.actor = "a person";
  a.run = [this](UnitOfWork& unit) {
    unit.after_commit([this] { story_.add("outside"); });
    unit.react([this](UnitOfWork& same) {
      same.react([this](UnitOfWork& again) { story_.add("second by " + again.cause().actor); });
      story_.add("first");
    });
  };
  submit(std::move(a));
  run();
  EXPECT_EQ(story_.told(), (Told{"begin", "first", "second by a person", "flush", "commit",
                                 "durable", "a done", "outside"}));
}

TEST_F(WriteLoopTest, WorkFromInside_GoesFirst) {
  make();
  submit(work("outside", Lane::outside));
  submit(work("inside", Lane::inside));
  run();
  EXPECT_EQ(story_.told()[1], "inside");
  EXPECT_EQ(story_.told()[2], "outside");
}

TEST_F(WriteLoopTest, CommandsBeyondTheLimit_AreShed_AndWorkFromInsideIsNot) {
  make({.outside_max = 2});
  submit(work("a", Lane::outside));
  submit(work("b", Lane::outside));
  EXPECT_FALSE(loop_->submit(work("c", Lane::outside)));
  submit(work("d", Lane::inside));
  EXPECT_EQ(loop_->figures().waiting, 3U);
  run();
  EXPECT_EQ(story_.count("c"), 0);
  EXPECT_EQ(story_.count("d done"), 1);
  EXPECT_EQ(loop_->figures().shed, 1);
}

TEST_F(WriteLoopTest, Shed_IsAnsweredAsOverload) {
  make({.outside_max = 0});
  std::string code;
  execute<int>(
      *loop_, Lane::outside, 1, {}, [](UnitOfWork&) { return Result<int>(1); },
      [&](const Result<int>& result) { code = result ? "" : result.error().code; });
  EXPECT_EQ(code, "overloaded");
}

TEST_F(WriteLoopTest, Stop_FinishesWhatIsQueuedAndWhatItLeadsTo) {
  make();
  auto a = work("a", Lane::outside);
  a.done = [this](const Error*) {
    EXPECT_TRUE(loop_->submit(work("b", Lane::inside)));  // a provider's answer, say
  };
  submit(std::move(a));
  run();
  EXPECT_EQ(story_.count("b done"), 1);
  EXPECT_FALSE(loop_->submit(work("late", Lane::inside)));
  EXPECT_FALSE(loop_->submit(work("late", Lane::outside)));
  EXPECT_EQ(story_.count("late"), 0);
}

TEST_F(WriteLoopTest, Idle_RunsWhileItWantsMore_AndAgainAfterACommit) {
  make();
  int slices = 0;
  loop_->when_idle([&](UnitOfWork&) {
    story_.add("slice");
    return ++slices < 3;
  });
  loop_->start();
  ASSERT_TRUE(story_.wait_for("slice", 3));
  EXPECT_EQ(story_.count("slice"), 3);
  submit(work("a"));
  ASSERT_TRUE(story_.wait_for("slice", 4));
  loop_->stop();
  EXPECT_EQ(story_.count("slice"), 4);
}

TEST_F(WriteLoopTest, ACommand_GoesBeforeTheNextIdleSlice) {
  make();
  int slices = 0;
  loop_->when_idle([&](UnitOfWork&) {
    story_.add("slice " + std::to_string(++slices));
    if (slices == 1) EXPECT_TRUE(loop_->submit(work("a")));
    return slices < 2;
  });
  loop_->start();
  ASSERT_TRUE(story_.wait_for("slice 2", 1));
  loop_->stop();
  const auto told = story_.told();
  EXPECT_LT(std::find(told.begin(), told.end(), "a done"),
            std::find(told.begin(), told.end(), "slice 2"));
}

TEST_F(WriteLoopTest, AnIdleSliceThatFails_IsRolledBackAndRestsUntilTheNextCommit) {
  make();
  loop_->when_idle([this](UnitOfWork&) -> bool {
    story_.add("slice");
    throw std::runtime_error("a defect");
  });
  loop_->start();
  ASSERT_TRUE(story_.wait_for("defect", 1));
  EXPECT_EQ(story_.count("slice"), 1);
  submit(work("a"));
  ASSERT_TRUE(story_.wait_for("defect", 2));
  loop_->stop();
  EXPECT_EQ(story_.count("forget"), 2);
}

TEST_F(WriteLoopTest, Timers_RunUntilStop) {
  make();
  loop_->every(std::chrono::milliseconds(1), [this](UnitOfWork&) { story_.add("tick"); });
  loop_->start();
  EXPECT_TRUE(story_.wait_for("tick", 3));
  loop_->stop();
}

TEST_F(WriteLoopTest, Time_NeverFalls) {
  make({.batch_weight_max = 1});
  std::vector<Timestamp> times;
  for (int i = 0; i < 5; ++i)
    submit({Lane::inside, 1, {}, [&](UnitOfWork& unit) { times.push_back(unit.now()); }, {}});
  run();
  ASSERT_EQ(times.size(), 5U);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

}  // namespace
}  // namespace stoa
