#include "contracts/child_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <set>
#include <stdexcept>

#include "platform/process/ports.hpp"

namespace stoa {
namespace {

[[noreturn]] void become(const std::vector<char*>& arguments, const std::string& log, int at_end,
                         const passwd* user, pid_t parent) {
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) _exit(124);
  if (user != nullptr && (initgroups(user->pw_name, user->pw_gid) != 0 ||
                          setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
    _exit(126);
  prctl(PR_SET_PDEATHSIG, at_end);
  if (getppid() != parent) _exit(125);
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& words, const std::string& log,
                           int at_end, const std::string& user)
    : at_end_(at_end) {
  const auto* const other = user.empty() || geteuid() != 0 ? nullptr : getpwnam(user.c_str());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const auto parent = getpid();
  pid_ = fork();
  if (pid_ == 0) become(arguments, log, at_end, other, parent);
  if (pid_ < 0) throw std::runtime_error("no process can be made");
}

ChildProcess::~ChildProcess() {
  if (pid_ == 0) return;
  signal(SIGCONT);
  signal(at_end_);
  wait();
}

void ChildProcess::signal(int number) const {
  if (pid_ != 0) kill(pid_, number);
}

int ChildProcess::wait() {
  if (pid_ != 0) waitpid(pid_, &status_, 0);
  pid_ = 0;
  return status_;
}

bool ChildProcess::is_running() {
  if (pid_ != 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
  return pid_ != 0;
}

int free_port() {
  static std::set<std::uint16_t> given;
  return *given.insert(process::free_port(given)).first;
}

std::string servers_folder() {
  if (const char* set = std::getenv("STOA_SERVERS")) return set;
  const char* const home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) + "/.cache/stoa/servers";
}

}  // namespace stoa
