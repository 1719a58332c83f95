#include "platform/process/keeper.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <thread>

#include "platform/process/descendants.hpp"
#include "platform/process/keeper_wire.hpp"

namespace stoa::process {
namespace {

constexpr int socket_descriptor = 3;
constexpr int first_other = 4;  ///< the held descriptor, when there is one
constexpr std::chrono::milliseconds end_grace{2'000};
constexpr std::chrono::milliseconds end_at_most{20'000};

[[noreturn]] void give_up(const std::string& what) {
  const auto text = what + ": " + std::strerror(errno) + "\n";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(126);
  _exit(127);
}

void become(const passwd& user) {
  if (initgroups(user.pw_name, user.pw_gid) != 0 || setgid(user.pw_gid) != 0 ||
      setuid(user.pw_uid) != 0)
    give_up("cannot become the user " + std::string(user.pw_name));
}

void enter(const KeeperRequest& request, bool is_other_user) {
  if (!is_other_user) {
    if (!request.folder.empty() && chdir(request.folder.c_str()) != 0) give_up(request.folder);
    return;
  }
  const int folder = open(request.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) give_up(request.folder);
  if (folder != socket_descriptor && dup2(folder, socket_descriptor) < 0) give_up(request.folder);
}

/// The new process: from here on it is the program's.
[[noreturn]] void run(const KeeperRequest& request, int output, pid_t keeper) {
  setsid();
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
      dup2(output, STDERR_FILENO) < 0)
    _exit(126);
  const auto* const user =
      request.user.empty() || geteuid() != 0 ? nullptr : getpwnam(request.user.c_str());
  if (!request.user.empty() && geteuid() == 0 && user == nullptr)
    give_up("there is no user " + request.user);
  if (user != nullptr) clearenv();  // which is not for its eyes
  for (const auto& variable : request.environment) putenv(const_cast<char*>(variable.c_str()));
  if (chdir("/") != 0) give_up("/");
  enter(request, user != nullptr);
  if (user != nullptr) become(*user);
  // After the user, which unsets it: when keeper and its parent are killed at once.
  prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(request.signal));
  if (getppid() != keeper) _exit(125);
  const auto words = argument_pointers(request.arguments);
  execv(words.front(), words.data());
  give_up(request.arguments.front());
}

struct Received {
  std::string text;  ///< empty: the other end is gone
  int descriptor = -1;
};

Received receive() {
  std::array<char, CMSG_SPACE(sizeof(int))> control{};
  std::string buffer(keeper_message_max, '\0');
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto length = recvmsg(socket_descriptor, &message, MSG_CMSG_CLOEXEC);
  if (length <= 0) return {};
  Received received{buffer.substr(0, static_cast<std::size_t>(length))};
  const auto* const header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(&received.descriptor, CMSG_DATA(header), sizeof(int));
  return received;
}

class Keeper {
 public:
  int run() {
    adopt_orphans();
    sigset_t blocked;
    sigfillset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, nullptr);
    sigset_t children_end;
    sigemptyset(&children_end);
    sigaddset(&children_end, SIGCHLD);
    const int signals = signalfd(-1, &children_end, SFD_CLOEXEC | SFD_NONBLOCK);
    std::array<pollfd, 2> wanted{pollfd{socket_descriptor, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
    for (;;) {
      if (poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) break;
      if (wanted[1].revents != 0) {
        signalfd_siginfo ignored{};
        while (read(signals, &ignored, sizeof ignored) > 0) {
        }
        reap();
      }
      if (wanted[0].revents != 0 && !serve()) break;
    }
    end_all();
    return 0;
  }

 private:
  /// False when nobody is there any more.
  bool serve() {
    const auto received = receive();
    if (received.text.empty()) return false;
    const auto request = json::read_stored<KeeperRequest>(received.text);
    if (request && !request->arguments.empty()) start(*request, received.descriptor);
    if (request && request->arguments.empty()) signal(*request);
    if (received.descriptor >= 0) close(received.descriptor);
    return true;
  }

  void start(const KeeperRequest& request, int output) {
    const auto keeper = getpid();
    const auto process = fork();
    if (process == 0) stoa::process::run(request, output, keeper);
    if (process > 0) running_[process] = {request.id, static_cast<int>(request.signal)};
    report({request.id, process > 0 ? process : 0, false, 0});
  }

  void signal(const KeeperRequest& request) {
    for (const auto& [process, one] : running_)
      if (one.id == request.id) kill(process, static_cast<int>(request.signal));
  }

  void reap() {
    int status = 0;
    for (auto process = waitpid(-1, &status, WNOHANG); process > 0;
         process = waitpid(-1, &status, WNOHANG)) {
      const auto found = running_.find(process);
      if (found == running_.end()) continue;  // an orphan
      report({found->second.id, process, true, status});
      running_.erase(found);
    }
  }

  static void report(const KeeperReport& what) {
    const auto text = json::to_stored_json(what);
    if (send(socket_descriptor, text.data(), text.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
      std::cerr << "stoa keeper: " << std::strerror(errno) << "\n";
  }

  /// Those that tidy up when they are told so get a moment for it; none gets more.
  void end_all() {
    for (const auto& [process, one] : running_) kill(process, one.last_signal);
    const auto until = std::chrono::steady_clock::now() + end_grace;
    while (!running_.empty() && std::chrono::steady_clock::now() < until) {
      reap();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    end_children(end_at_most);
  }

  struct Running {
    std::int64_t id = 0;
    int last_signal = SIGKILL;
  };
  std::map<pid_t, Running> running_;
};

}  // namespace

int run_keeper() {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(socket_descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    std::cerr << "stoa: the keeper is a part of `stoa up --stack`, and is not started by hand\n";
    return 2;
  }
  fcntl(socket_descriptor, F_SETFD, FD_CLOEXEC);
  fcntl(first_other, F_SETFD, FD_CLOEXEC);
  return Keeper().run();
}

}  // namespace stoa::process
