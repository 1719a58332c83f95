#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace stoa {

/// A server of a test, ended with the test's process at the latest.
class ChildProcess {
 public:
  /// Begins `words`, the first of them a path, as `user` when that is given and we are root; what
  /// it says goes to `log`. `at_end` is the signal that it gets when the test's process ends.
  ChildProcess(const std::vector<std::string>& words, const std::string& log, int at_end,
               const std::string& user = {});
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  void signal(int number) const;
  /// Its exit status as waitpid gives it.
  int wait();
  [[nodiscard]] bool is_running();

 private:
  pid_t pid_ = 0;
  int at_end_;
  int status_ = 0;
};

/// A port that was free a moment ago and that nobody here was given before.
int free_port();

/// Where `./dev servers` leaves the servers that Debian lacks.
std::string servers_folder();

}  // namespace stoa
