#pragma once

#include <memory>

#include "kernel/process/programs.hpp"

namespace stoa::process {

/// Runs the keeper, the parent of all programs that another process asks for over a socket which
/// this process has as its descriptor 3. When that socket closes, however the other one ended, it
/// ends all programs and all that they left behind, and returns the exit status. Only for a process
/// that has one thread and nothing else to do.
int run_keeper();

/// How this process makes its keeper.
struct KeeperOptions {
  std::vector<std::string> command;  ///< what calls run_keeper
  /// Stays open in the keeper: a lock of it is held until the last program has ended. -1: none.
  int held_descriptor = -1;
  std::function<void()> lost;  ///< the keeper ended before it should; all programs are ended then
};

/// Programs below a keeper. To be made while this process has one thread. Destroyed, it ends the
/// keeper and what is left below it. Throws std::system_error when there can be no keeper.
std::unique_ptr<Programs> keep_programs(KeeperOptions options);

}  // namespace stoa::process
