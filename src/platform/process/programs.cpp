#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "platform/process/descendants.hpp"
#include "platform/process/keeper.hpp"
#include "platform/process/keeper_wire.hpp"

namespace stoa::process {
namespace {

constexpr std::chrono::seconds answer_timeout{30};
constexpr std::chrono::milliseconds end_at_most{20'000};
constexpr std::size_t line_max = 65'536;

[[noreturn]] void refuse(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// In the new process, which has one thread: nothing but the two descriptors goes on.
[[noreturn]] void become_keeper(const KeeperOptions& options, int socket) {
  const int held = options.held_descriptor < 0 ? -1 : fcntl(options.held_descriptor, F_DUPFD, 10);
  const int own = fcntl(socket, F_DUPFD, 10);
  dup2(own, 3);
  if (held >= 0) dup2(held, 4);
  close_range(held >= 0 ? 5 : 4, ~0U, 0);
  setsid();  // so that a Ctrl-C reaches it not
  const auto words = argument_pointers(options.command);
  execv(words.front(), words.data());
  _exit(127);
}

class KeptPrograms final : public Programs {
 public:
  explicit KeptPrograms(KeeperOptions options) : lost_(std::move(options.lost)) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
      refuse("no socket for the keeper");
    adopt_orphans();  // of a keeper that is killed
    keeper_ = fork();
    if (keeper_ == 0) become_keeper(options, ends[1]);
    close(ends[1]);
    socket_ = ends[0];
    timeval limit{};
    limit.tv_sec = answer_timeout.count();
    setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (keeper_ < 0 || wake_ < 0) refuse("no process for the keeper");
    thread_ = std::thread([this] { watch(); });
  }
  KeptPrograms(const KeptPrograms&) = delete;
  KeptPrograms& operator=(const KeptPrograms&) = delete;

  ~KeptPrograms() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake();
    thread_.join();
    if (socket_ >= 0) close(socket_);
    waitpid(keeper_, nullptr, 0);
    end_children(end_at_most);  // of a keeper that did not do it
    for (const auto& [descriptor, output] : outputs_) close(descriptor);
    close(wake_);
  }

  Result<StartedProgram> start(const Program& program, ProgramWatcher watcher) override {
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return not_started(std::strerror(errno));
    fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
    KeeperRequest request{.arguments = program.arguments,
                          .environment = {},
                          .folder = program.folder,
                          .user = program.user,
                          .signal = program.last_signal};
    for (const auto& [name, value] : program.environment)
      request.environment.emplace_back(name).append("=").append(value);
    auto process = std::make_shared<std::promise<int>>();  // by the thread too, who may be late
    auto answer = process->get_future();
    bool sent = false;
    {
      const std::lock_guard lock(mutex_);
      request.id = ++last_id_;
      running_[request.id] = {std::move(process), watcher.ended};
      outputs_[pipe_ends[0]] = {{}, std::move(watcher.line)};
      sent = !broken_ && send_with(json::to_stored_json(request), pipe_ends[1]);
      if (!sent) running_.erase(request.id);
    }
    close(pipe_ends[1]);
    wake();
    if (!sent || answer.wait_for(answer_timeout) != std::future_status::ready)
      return not_started("the keeper does not answer");
    try {
      const auto number = answer.get();
      if (number == 0) return not_started("there can be no more processes");
      return StartedProgram{request.id, number};
    } catch (const std::future_error&) {
      return not_started("the keeper has ended");
    }
  }

  void signal(std::int64_t id, int number) override {
    const auto text = json::to_stored_json(KeeperRequest{id, {}, {}, {}, {}, number});
    const std::lock_guard lock(mutex_);
    if (!broken_ && running_.contains(id)) send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  }

 private:
  struct Running {
    std::shared_ptr<std::promise<int>> process;
    std::function<void(int)> ended;
  };
  struct Output {
    std::string rest;  ///< of a line that has not ended
    std::function<void(std::string_view)> line;
  };

  static std::unexpected<Error> not_started(const std::string& why) {
    return fail(ErrorKind::unavailable, "not_started", "No process can be started: " + why + ".");
  }

  bool send_with(const std::string& text, int descriptor) const {
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    auto copy = text;
    iovec part{copy.data(), copy.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    return copy.size() <= keeper_message_max && sendmsg(socket_, &message, MSG_NOSIGNAL) > 0;
  }

  void wake() const {
    const std::uint64_t one = 1;
    if (write(wake_, &one, sizeof one) < 0) return;  // full: it is awake
  }

  void watch() {
    while (true) {
      std::vector<pollfd> wanted{{wake_, POLLIN, 0}, {socket_, POLLIN, 0}};
      {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        for (const auto& [descriptor, output] : outputs_) wanted.push_back({descriptor, POLLIN, 0});
      }
      if (poll(wanted.data(), wanted.size(), -1) < 0) continue;
      std::uint64_t ignored = 0;
      if (wanted[0].revents != 0 && read(wake_, &ignored, sizeof ignored) < 0) continue;
      for (std::size_t at = 2; at < wanted.size(); ++at)
        if (wanted[at].revents != 0) read_output(wanted[at].fd);
      if (wanted[1].revents != 0 && !read_report()) return lose();
    }
  }

  bool read_report() {
    std::string text(4'096, '\0');
    const auto length = recv(socket_, text.data(), text.size(), 0);
    if (length <= 0) return false;
    text.resize(static_cast<std::size_t>(length));
    const auto report = json::read_stored<KeeperReport>(text);
    if (!report) return false;
    std::function<void(int)> ended;
    {
      const std::lock_guard lock(mutex_);
      const auto found = running_.find(report->id);
      if (found == running_.end()) return true;
      if (report->ended) {
        ended = std::move(found->second.ended);
      } else {
        found->second.process->set_value(static_cast<int>(report->process));
      }
      if (report->ended || report->process == 0) running_.erase(found);
    }
    if (ended) ended(static_cast<int>(report->status));
    return true;
  }

  /// Only this thread closes outputs and reads them.
  void read_output(int descriptor) {
    std::array<char, 16'384> piece{};
    const auto length = read(descriptor, piece.data(), piece.size());
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    Output* output = nullptr;
    {
      const std::lock_guard lock(mutex_);
      output = &outputs_.at(descriptor);
    }
    if (length > 0) output->rest.append(piece.data(), static_cast<std::size_t>(length));
    std::size_t begin = 0;
    for (auto end = output->rest.find('\n'); end != std::string::npos;
         end = output->rest.find('\n', begin)) {
      output->line(std::string_view(output->rest).substr(begin, end - begin));
      begin = end + 1;
    }
    output->rest.erase(0, begin);
    if (!output->rest.empty() && (length <= 0 || output->rest.size() > line_max)) {
      output->line(output->rest);
      output->rest.clear();
    }
    if (length > 0) return;
    const std::lock_guard lock(mutex_);
    outputs_.erase(descriptor);
    close(descriptor);
  }

  /// The keeper was killed: what it kept is ours now, and without it nothing can be watched.
  void lose() {
    std::map<std::int64_t, Running> orphans;
    {
      const std::lock_guard lock(mutex_);
      broken_ = true;
      orphans.swap(running_);
    }
    end_children(end_at_most);
    for (auto& [id, one] : orphans) one.ended(SIGKILL);
    lost_();
  }

  std::function<void()> lost_;
  std::mutex mutex_;
  pid_t keeper_ = -1;
  int socket_ = -1;
  int wake_ = -1;
  bool ending_ = false;
  bool broken_ = false;
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, Running> running_;
  std::map<int, Output> outputs_;  ///< by the descriptor of the pipe
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Programs> keep_programs(KeeperOptions options) {
  return std::make_unique<KeptPrograms>(std::move(options));
}

}  // namespace stoa::process
