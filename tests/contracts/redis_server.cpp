#include "contracts/redis_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace stoa {
namespace {

std::string find_program() {
  for (const auto* path : {"/usr/bin/redis-server", "/usr/bin/valkey-server"})
    if (std::filesystem::exists(path)) return path;
  return {};
}

bool answers(int port) {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool connected =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return connected;
}

}  // namespace

bool RedisServer::is_installed() { return !find_program().empty(); }

RedisServer::RedisServer(std::vector<std::string> options)
    : options_(std::move(options)), port_(free_port()) {
  start();
}

void RedisServer::start() {
  std::vector<std::string> words{find_program(),   "--port",    std::to_string(port_),
                                 "--bind",         "127.0.0.1", "--dir",
                                 folder_.file(""), "--save",    ""};
  words.insert(words.end(), options_.begin(), options_.end());
  server_.emplace(words, folder_.file("log"), SIGKILL);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!answers(port_)) {
    if (!server_->is_running() || std::chrono::steady_clock::now() > end)
      throw std::runtime_error("Redis did not start");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void RedisServer::kill() {
  server_->signal(SIGKILL);
  server_->wait();
}
void RedisServer::pause() const { server_->signal(SIGSTOP); }
void RedisServer::go_on() const { server_->signal(SIGCONT); }

redis::Settings RedisServer::settings(bool in_a_hurry) const {
  redis::Settings settings;
  if (!in_a_hurry) settings.command_timeout = std::chrono::seconds(10);
  settings.port = port_;
  return settings;
}

}  // namespace stoa
