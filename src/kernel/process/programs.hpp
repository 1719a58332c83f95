#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa {

/// What is started, as a process of its own.
struct Program {
  std::vector<std::string> arguments;              ///< the first is the path of the program
  std::map<std::string, std::string> environment;  ///< over that of this process
  /// Where it begins; empty: in the root folder.
  std::string folder;
  /// Whose it is when this process is root's; empty: this one's. Such a program begins in the root
  /// folder and has `folder` open as `folder_of_other_user`, for its user may not be able to reach
  /// it by its path; it has no other variables than those above.
  std::string user;
  int stop_signal = SIGTERM;  ///< asks it to end by itself
  int last_signal = SIGKILL;  ///< what it gets when nobody is left who looks after it
};

inline constexpr std::string_view folder_of_other_user = "/proc/self/fd/3";

/// Both are called on the thread of `Programs`, and must not wait.
struct ProgramWatcher {
  std::function<void(std::string_view line)> line;  ///< of its output, without the end of the line
  std::function<void(int status)> ended;            ///< once; as waitpid tells it
};

struct StartedProgram {
  std::int64_t id = 0;  ///< never used again
  int process = 0;
};

/// Processes that end with this one, however it ends. Thread-safe.
class Programs {
 public:
  virtual ~Programs() = default;
  /// `not_started` (unavailable) when there can be no process. A program that is not there ends at
  /// once with the status 127, and says so.
  virtual Result<StartedProgram> start(const Program& program, ProgramWatcher watcher) = 0;
  /// Nothing when it has ended.
  virtual void signal(std::int64_t id, int number) = 0;
};

}  // namespace stoa
