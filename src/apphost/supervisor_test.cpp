#include "apphost/supervisor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace stoa::apphost {
namespace {

using std::chrono::milliseconds;

/// Programs that end when they are told to, at once.
class Obedient final : public Programs {
 public:
  Result<StartedProgram> start(const Program&, ProgramWatcher watcher) override {
    const std::lock_guard lock(mutex_);
    ended_.push_back(std::move(watcher.ended));
    signals_.emplace_back();
    return StartedProgram{std::ssize(ended_), 1'000 + static_cast<int>(ended_.size())};
  }
  void signal(std::int64_t id, int number) override {
    {
      const std::lock_guard lock(mutex_);
      signals_[static_cast<std::size_t>(id - 1)].push_back(number);
    }
    if (number == SIGKILL || !is_deaf) end(id, number);
  }
  void end(std::int64_t id, int status) {
    std::function<void(int)> ended;
    {
      const std::lock_guard lock(mutex_);
      ended = std::exchange(ended_[static_cast<std::size_t>(id - 1)], {});
    }
    if (ended) ended(status);
  }
  [[nodiscard]] std::vector<int> signals(std::int64_t id) const {
    const std::lock_guard lock(mutex_);
    return signals_.at(static_cast<std::size_t>(id - 1));
  }
  [[nodiscard]] std::int64_t started() const {
    const std::lock_guard lock(mutex_);
    return std::ssize(ended_);
  }

  std::atomic<bool> is_deaf{false};

 private:
  mutable std::mutex mutex_;
  std::vector<std::function<void(int)>> ended_;
  std::vector<std::vector<int>> signals_;
};

class Anything final : public Runnable {
 public:
  Result<Program> next() override {
    if (refusals-- > 0) throw std::runtime_error("The disk is full.");
    if (is_missing) return fail(ErrorKind::not_found, "no_program", "There is no such program.");
    return Program{.arguments = {"/bin/anything"}, .environment = {}, .folder = {}, .user = {}};
  }
  bool is_well() override { return well; }
  [[nodiscard]] std::string url() const override { return "any://thing"; }

  std::atomic<bool> well{true};
  std::atomic<bool> is_missing{false};
  std::atomic<int> refusals{0};
};

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    options_.restart = {{milliseconds(1), milliseconds(4)}, std::chrono::seconds(30)};
    options_.ready_within = std::chrono::seconds(30);
    options_.stop_grace = milliseconds(50);
    options_.look_while_starting = milliseconds(1);
    options_.look_when_ready = milliseconds(1);
  }

  Supervisor& start() {
    supervisor_ = make_supervisor(anything_, programs_, clock_, options_,
                                  {[](std::string_view) {}, [](const std::string&) {}, [] {}});
    supervisor_->start();
    return *supervisor_;
  }
  template <class What>
  static bool soon(What&& what) {
    for (int nth = 0; nth < 5'000; ++nth) {
      if (what()) return true;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return false;
  }

  SystemClock clock_;
  Obedient programs_;
  Anything anything_;
  SupervisorOptions options_;
  std::unique_ptr<Supervisor> supervisor_;
};

TEST_F(SupervisorTest, WhatEnds_IsStartedAgain) {
  auto& supervisor = start();
  ASSERT_TRUE(supervisor.wait_ready());
  EXPECT_EQ(supervisor.view().process, 1'001);
  programs_.end(1, SIGSEGV);
  EXPECT_TRUE(soon([&] {
    return supervisor.view().state == State::ready && supervisor.view().process == 1'002;
  }));
}

TEST_F(SupervisorTest, Stop_AsksFirstAndKillsAfterTheGrace) {
  auto& supervisor = start();
  ASSERT_TRUE(supervisor.wait_ready());
  programs_.is_deaf = true;
  supervisor.stop();
  EXPECT_EQ(programs_.signals(1), (std::vector<int>{SIGTERM, SIGKILL}));
  EXPECT_EQ(supervisor.view().state, State::stopped);
  EXPECT_EQ(programs_.started(), 1);
}

TEST_F(SupervisorTest, Restart_WaitsUntilTheNewOneIsReady) {
  auto& supervisor = start();
  ASSERT_TRUE(supervisor.wait_ready());
  ASSERT_TRUE(supervisor.restart());
  EXPECT_EQ(supervisor.view().process, 1'002);
  EXPECT_EQ(programs_.signals(1), (std::vector<int>{SIGTERM}));
}

TEST_F(SupervisorTest, OneThatDrains_IsNotReadyThoughItIsWell) {
  auto& supervisor = start();
  ASSERT_TRUE(supervisor.wait_ready());
  supervisor.drain();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(supervisor.view().state, State::draining);
  ASSERT_TRUE(supervisor.restart());
  EXPECT_EQ(supervisor.view().state, State::ready);
}

TEST_F(SupervisorTest, OneThatIsUnwellForSomeLooks_IsNotReady_AndRunsOn) {
  auto& supervisor = start();
  ASSERT_TRUE(supervisor.wait_ready());
  anything_.well = false;
  EXPECT_TRUE(soon([&] { return supervisor.view().state == State::unhealthy; }));
  anything_.well = true;
  EXPECT_TRUE(soon([&] { return supervisor.view().state == State::ready; }));
  EXPECT_EQ(programs_.started(), 1);
}

TEST_F(SupervisorTest, OneThatNeverWasReady_IsWaitedForOnlyAFewTimes) {
  anything_.well = false;
  auto& supervisor = start();
  for (std::int64_t nth = 1; nth <= 5; ++nth) {
    ASSERT_TRUE(soon([&] { return programs_.started() >= nth; }));
    EXPECT_FALSE(supervisor.fault());
    programs_.end(nth, 3 << 8);
  }
  const auto ready = supervisor.wait_ready();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().detail, "It ended with 3");
  EXPECT_TRUE(soon([&] { return programs_.started() > 5; })) << "it is tried on nevertheless";
}

TEST_F(SupervisorTest, WhatTheSystemRefuses_IsTriedAgain) {
  anything_.refusals = 2;
  EXPECT_TRUE(start().wait_ready());
}

TEST_F(SupervisorTest, OneWhoseProgramIsMissing_IsNotWaitedFor) {
  anything_.is_missing = true;
  const auto ready = start().wait_ready();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().detail, "There is no such program.");
}

TEST_F(SupervisorTest, OneThatIsNotReadyInTime_IsKilledAndStartedAgain) {
  options_.ready_within = std::chrono::seconds(0);
  anything_.well = false;
  auto& supervisor = start();
  EXPECT_TRUE(soon([&] { return programs_.started() > 1; }));
  EXPECT_EQ(programs_.signals(1), (std::vector<int>{SIGKILL}));
  EXPECT_EQ(supervisor.fault(), "It did not become ready in time");
}

}  // namespace
}  // namespace stoa::apphost
