#include "platform/process/line_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace stoa::process {
namespace {

constexpr std::size_t connections_max = 32;
constexpr std::size_t line_max = 65'536;

/// The path of a socket has at most 107 bytes, that of a folder may have more: it is reached by the
/// folder's descriptor.
class Place {
 public:
  Place(const std::string& folder, const std::string& name)
      : folder_(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    address_.sun_family = AF_UNIX;
    const auto path = "/proc/self/fd/" + std::to_string(folder_) + "/" + name;
    std::strncpy(address_.sun_path, path.c_str(), sizeof address_.sun_path - 1);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { close(folder_); }
  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  [[nodiscard]] static socklen_t size() { return sizeof(sockaddr_un); }
  [[nodiscard]] const char* path() const { return address_.sun_path; }

 private:
  int folder_;
  sockaddr_un address_{};
};

int new_socket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool send_line(int socket, std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const auto sent = send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Nothing at the end of the connection, or when the line is too long.
std::optional<std::string> read_line(int socket, std::string& buffer, std::size_t most) {
  for (;;) {
    if (const auto end = buffer.find('\n'); end != std::string::npos) {
      auto line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      return line;
    }
    if (buffer.size() > most) return std::nullopt;
    std::array<char, 4'096> piece{};
    const auto length = recv(socket, piece.data(), piece.size(), 0);
    if (length <= 0) return std::nullopt;
    buffer.append(piece.data(), static_cast<std::size_t>(length));
  }
}

class Server final : public LineServer {
 public:
  Server(const std::string& folder, const std::string& name,
         std::function<std::string(std::string_view)> answer)
      : answer_(std::move(answer)), place_(folder, name), listener_(new_socket()) {
    unlink(place_.path());
    if (bind(listener_, place_.address(), Place::size()) != 0 ||
        listen(listener_, static_cast<int>(connections_max)) != 0)
      throw std::system_error(errno, std::generic_category(), folder + "/" + name);
    thread_ = std::thread([this] { accept_all(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() override { stop(); }

  void stop() override {
    if (!thread_.joinable()) return;
    unlink(place_.path());
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const auto& one : connections_) shutdown(one.socket, SHUT_RDWR);
    }
    for (auto& one : connections_) one.thread.join();
    for (const auto& one : connections_) close(one.socket);
    close(listener_);
  }

 private:
  struct Connection {
    int socket = -1;
    bool ended = false;
    std::thread thread = {};
  };

  void accept_all() {
    for (;;) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      forget_ended();
      if (connections_.size() >= connections_max) {
        close(socket);
        continue;
      }
      auto& one = connections_.emplace_back(Connection{.socket = socket});
      one.thread = std::thread([this, &one] { serve(one); });
    }
  }

  void forget_ended() {
    std::erase_if(connections_, [](Connection& one) {
      if (!one.ended) return false;
      one.thread.join();
      close(one.socket);
      return true;
    });
  }

  void serve(Connection& one) {
    std::string buffer;
    while (const auto question = read_line(one.socket, buffer, line_max))
      if (!send_line(one.socket, answer_(*question))) break;
    const std::lock_guard lock(mutex_);
    shutdown(one.socket, SHUT_RDWR);
    one.ended = true;
  }

  std::function<std::string(std::string_view)> answer_;
  Place place_;
  int listener_;
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<LineServer> serve_lines(const std::string& folder, const std::string& name,
                                        std::function<std::string(std::string_view)> answer) {
  return std::make_unique<Server>(folder, name, std::move(answer));
}

std::unique_ptr<LineClient> LineClient::connect(const std::string& folder,
                                                const std::string& name) {
  const Place place(folder, name);
  const int socket = new_socket();
  if (::connect(socket, place.address(), Place::size()) == 0)
    return std::unique_ptr<LineClient>(new LineClient(socket));
  close(socket);
  return nullptr;
}

LineClient::~LineClient() { close(socket_); }

Result<std::string> LineClient::ask(const std::string& question) {
  std::string buffer;
  if (send_line(socket_, question))
    if (auto answer = read_line(socket_, buffer, 1'048'576)) return std::move(*answer);
  return fail(ErrorKind::unavailable, "no_answer", "The AppHost ended before it answered.");
}

bool LineClient::is_open(std::chrono::milliseconds within) {
  pollfd wanted{socket_, POLLIN, 0};
  return poll(&wanted, 1, static_cast<int>(within.count())) <= 0;
}

}  // namespace stoa::process
