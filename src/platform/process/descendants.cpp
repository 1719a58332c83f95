#include "platform/process/descendants.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "kernel/base/files.hpp"

namespace stoa::process {
namespace {

/// 0 when the process is gone.
pid_t parent_of(const std::filesystem::path& folder) {
  const auto text = read_file((folder / "stat").string());  // it may go between opening and reading
  const auto name_end = text ? text->rfind(") ") : std::string::npos;  // a name may hold anything
  if (name_end == std::string::npos || name_end + 4 >= text->size()) return 0;
  pid_t parent = 0;
  std::from_chars(text->data() + name_end + 4, text->data() + text->size(), parent);
  return parent;
}

}  // namespace

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code gone;
  for (std::filesystem::directory_iterator one("/proc", gone), end; one != end;
       one.increment(gone)) {
    const auto name = one->path().filename().string();
    pid_t process = 0;
    const auto [at, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error != std::errc{} || at != name.data() + name.size()) continue;
    if (parent_of(one->path()) == getpid()) found.push_back(process);
  }
  return found;
}

void end_children(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (std::chrono::steady_clock::now() < until) {
    for (const auto child : children()) kill(child, SIGKILL);
    for (;;) {
      const auto reaped = waitpid(-1, nullptr, WNOHANG);
      if (reaped < 0) return;
      if (reaped == 0) break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace stoa::process
