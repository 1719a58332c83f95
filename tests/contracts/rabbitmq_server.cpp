#include "contracts/rabbitmq_server.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "platform/rabbitmq/dead_letters.hpp"

namespace stoa {
namespace {

constexpr auto program = "/usr/lib/rabbitmq/bin/rabbitmq-server";
constexpr auto epmd = "/usr/bin/epmd";

}  // namespace

RabbitmqServer* RabbitmqServer::shared() {
  static const bool is_there = std::filesystem::exists(program) && std::filesystem::exists(epmd);
  static const std::unique_ptr<RabbitmqServer> server(is_there ? new RabbitmqServer : nullptr);
  return server.get();
}

RabbitmqServer::RabbitmqServer()
    : certificate_(folder_, "server", "DNS:localhost"),
      port_(free_port()),
      tls_port_(free_port()),
      names_port_(free_port()),
      node_port_(free_port()) {
  write_settings();
  names_.emplace(
      std::vector<std::string>{epmd, "-port", std::to_string(names_port_), "-address", "127.0.0.1"},
      folder_.file("log"), SIGKILL);
  start();
}

void RabbitmqServer::write_settings() {
  std::ofstream(folder_.file("rabbitmq.conf"))
      << "listeners.ssl.default = 127.0.0.1:" << tls_port_ << "\n"
      << "ssl_options.cacertfile = " << certificate_.certificate() << "\n"
      << "ssl_options.certfile = " << certificate_.certificate() << "\n"
      << "ssl_options.keyfile = " << certificate_.key() << "\n"
      << "ssl_options.verify = verify_none\nlog.file.level = warning\n"
      << "disk_free_limit.absolute = 1MB\n";
}

void RabbitmqServer::start() {
  const auto own = [&](const std::string& name, const std::string& value) {
    return name + "=" + value;
  };
  server_.emplace(
      std::vector<std::string>{
          "/usr/bin/env", own("HOME", folder_.file("")),
          own("ERL_EPMD_PORT", std::to_string(names_port_)), own("ERL_EPMD_ADDRESS", "127.0.0.1"),
          own("RABBITMQ_NODENAME", "stoa" + std::to_string(port_) + "@localhost"),
          own("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"),
          own("RABBITMQ_NODE_PORT", std::to_string(port_)),
          own("RABBITMQ_DIST_PORT", std::to_string(node_port_)),
          own("RABBITMQ_MNESIA_BASE", folder_.file("data")),
          own("RABBITMQ_LOG_BASE", folder_.file("logs")),
          own("RABBITMQ_PID_FILE", folder_.file("pid")),
          own("RABBITMQ_ENABLED_PLUGINS_FILE", folder_.file("plugins")),
          own("RABBITMQ_CONFIG_FILE", folder_.file("rabbitmq.conf")),
          own("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none"),
          // So that the script becomes the server instead of watching it: signals reach it.
          own("NOTIFY_SOCKET", folder_.file("nobody")), program},
      folder_.file("log"), SIGKILL);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  for (;;) {
    try {
      rabbitmq::figures(settings(), {.name = "ready"});
      return;
    } catch (const rabbitmq::Failure&) {
      if (std::chrono::steady_clock::now() > end || !server_->is_running()) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

void RabbitmqServer::stop(int signal) {
  server_->signal(signal);
  server_->wait();
}

rabbitmq::Settings RabbitmqServer::settings() const {
  rabbitmq::Settings settings;
  settings.host = "127.0.0.1";
  settings.port = static_cast<std::uint16_t>(port_);
  settings.heartbeat = std::chrono::seconds(1);
  settings.answer_timeout = std::chrono::seconds(5);
  return settings;
}

rabbitmq::Settings RabbitmqServer::tls_settings() const {
  auto settings = this->settings();
  settings.host = "localhost";
  settings.port = static_cast<std::uint16_t>(tls_port_);
  settings.tls = true;
  settings.ca_file = certificate_.certificate();
  return settings;
}

messaging::QueuePlan RabbitmqServer::fresh_queue(messaging::QueuePlan::Kind kind) {
  return {.name = "queue" + std::to_string(++queues_),
          .kind = kind,
          .pauses = {std::chrono::milliseconds(200), std::chrono::milliseconds(600)},
          .tries_max = 3,
          .deliveries_max = 3};
}

}  // namespace stoa
