#include "platform/process/ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <random>
#include <stdexcept>

namespace stoa::process {
namespace {

constexpr std::uint16_t first_port = 20'000;
constexpr std::uint16_t last_port = 32'767;  // Linux begins at 32,768 with outgoing connections

class Socket {
 public:
  Socket() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(descriptor_); }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

bool is_port_free(std::uint16_t port) {
  const Socket probe;
  const int on = 1;  // what was closed a moment ago does not count
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = loopback(port);
  return bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
         listen(probe.get(), 1) == 0;
}

std::uint16_t free_port(const std::set<std::uint16_t>& not_these) {
  constexpr int count = last_port - first_port + 1;
  std::random_device random;  // so that two who look at once seldom find the same
  const auto begin = std::uniform_int_distribution<int>(0, count - 1)(random);
  for (int nth = 0; nth < count; ++nth) {
    const auto port = static_cast<std::uint16_t>(first_port + (begin + nth) % count);
    if (!not_these.contains(port) && is_port_free(port)) return port;
  }
  throw std::runtime_error("No port is free.");
}

std::optional<std::string> ask_port(std::uint16_t port, std::string_view question,
                                    std::size_t bytes, std::chrono::milliseconds timeout) {
  const Socket socket;
  timeval limit{};
  limit.tv_sec = timeout.count() / 1'000;
  limit.tv_usec = timeout.count() % 1'000 * 1'000;
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto address = loopback(port);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::nullopt;
  if (!question.empty() && send(socket.get(), question.data(), question.size(), MSG_NOSIGNAL) !=
                               static_cast<ssize_t>(question.size()))
    return std::nullopt;
  std::string answer(bytes, '\0');
  std::size_t got = 0;
  while (got < bytes) {
    const auto length = recv(socket.get(), answer.data() + got, bytes - got, 0);
    if (length <= 0) break;
    got += static_cast<std::size_t>(length);
  }
  if (bytes > 0 && got == 0) return std::nullopt;
  answer.resize(got);
  return answer;
}

}  // namespace stoa::process
