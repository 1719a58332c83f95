#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "platform/process/descendants.hpp"
#include "platform/process/keeper.hpp"

namespace stoa::process {
namespace {

TEST(Children, WhileProcessesComeAndGo_TheOneThatStays_IsSeen) {
  const auto stays = fork();
  if (stays == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pause();
    _exit(0);
  }
  std::atomic<bool> ending = false;
  std::thread others([&] {
    while (!ending) {
      const auto one = fork();
      if (one == 0) _exit(0);
      waitpid(one, nullptr, 0);
    }
  });
  for (int look = 0; look < 3'000; ++look) {
    const auto seen = children();
    EXPECT_NE(std::ranges::find(seen, stays), seen.end());
  }
  ending = true;
  others.join();
  kill(stays, SIGKILL);
  waitpid(stays, nullptr, 0);
}

/// In a process of its own, for it becomes the parent of orphans and ends all of its children.
int start_below_a_keeper_that_ends_meanwhile() {
  std::atomic<bool> is_lost = false;
  const auto programs = keep_programs({{"/bin/sleep", "0.3"}, -1, [&] { is_lost = true; }});
  const auto started =
      programs->start({.arguments = {"/bin/true"}, .environment = {}, .folder = "/", .user = {}},
                      {[](std::string_view) {}, [](int) {}});
  while (!is_lost) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return !started && started.error().code == "not_started" ? 0 : 1;
}

TEST(KeptPrograms, AKeeperThatEndsBeforeItAnswers_IsAnError) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(std::_Exit(start_below_a_keeper_that_ends_meanwhile()), testing::ExitedWithCode(0),
              "");
}

}  // namespace
}  // namespace stoa::process
