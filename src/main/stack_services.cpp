#include "main/stack_services.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>

#include "platform/beast/http_client.hpp"
#include "platform/process/ports.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds answer_timeout{2'000};
/// A program without an endpoint is well when it still runs after so long.
constexpr std::chrono::milliseconds settled{500};

bool answers(const std::string& host, std::uint16_t port, const std::string& path) {
  beast::HttpClient client(host, port, answer_timeout);
  const auto answer = client.send("GET", path, {}, "");
  return answer && answer->status == 200;
}

class Service final : public apphost::Runnable {
 public:
  Service(const apphost::Resource& resource, std::int64_t replica, const StackTools& tools)
      : resource_(resource),
        replica_(replica),
        tools_(tools),
        host_(is_gateway() ? gateway_host(tools.configuration) : "127.0.0.1") {}
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() override {
    if (!is_gateway()) tools_.ports.end_replica(resource_, replica_);
  }

  Result<Program> next() override {
    port_ = is_gateway() ? tools_.ports.of(resource_.name).at(resource_.endpoints.front().name)
                         : tools_.ports.replica(resource_, replica_);
    const auto folder = tools_.folder + "/services/" + resource_.name +
                        (is_gateway() ? "" : "-" + std::to_string(replica_));
    fs::create_directories(folder);
    return Program{.arguments = {own_program(), "serve", resource_.name, "--data", folder, "--port",
                                 std::to_string(port_), "--settings", tools_.settings},
                   .environment = apphost::environment_of(
                       tools_.manifest, resource_, tools_.ports.addresses(), tools_.credentials),
                   .folder = fs::current_path(),  // paths in the settings are meant from here
                   .user = {}};
  }

  bool is_well() override {
    const auto& path = resource_.health.path;
    return answers(host_, port_, path.empty() ? "/health/ready" : path);
  }

  [[nodiscard]] std::string url() const override {
    const auto port = port_.load();
    return port == 0 ? std::string{} : "http://" + host_ + ":" + std::to_string(port);
  }

 private:
  [[nodiscard]] bool is_gateway() const { return resource_.name == apphost::gateway_name; }

  const apphost::Resource& resource_;
  std::int64_t replica_;
  const StackTools& tools_;
  std::string host_;
  std::atomic<std::uint16_t> port_{0};
};

class Executable final : public apphost::Runnable {
 public:
  Executable(const apphost::Resource& resource, const StackTools& tools)
      : resource_(resource), tools_(tools) {}

  Result<Program> next() override {
    const auto ports = tools_.ports.of(resource_.name);
    Program program{.arguments = {}, .environment = {}, .folder = fs::current_path(), .user = {}};
    for (const auto& word : resource_.command)
      program.arguments.push_back(apphost::with_ports(word, ports));
    for (const auto& [name, value] : resource_.environment)
      program.environment[name] = apphost::with_ports(value, ports);
    began_ = std::chrono::steady_clock::now();
    auto& path = program.arguments.front();
    if (path.find('/') == std::string::npos) path = find_program(path);
    if (!path.empty()) return program;
    return fail(ErrorKind::not_found, "no_program",
                "There is no program " + resource_.command.front() + " on this machine.");
  }

  bool is_well() override {
    if (resource_.endpoints.empty()) return std::chrono::steady_clock::now() - began_ > settled;
    if (!resource_.health.path.empty()) return answers("127.0.0.1", port(), resource_.health.path);
    return process::ask_port(port(), "", 0, answer_timeout).has_value();
  }

  [[nodiscard]] std::string url() const override {
    if (resource_.endpoints.empty()) return {};
    return (resource_.health.path.empty() ? "tcp" : "http") + std::string("://127.0.0.1:") +
           std::to_string(port());
  }

 private:
  [[nodiscard]] std::uint16_t port() const {
    return tools_.ports.of(resource_.name).at(resource_.endpoints.front().name);
  }

  const apphost::Resource& resource_;
  const StackTools& tools_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace

std::unique_ptr<apphost::Runnable> make_service(const apphost::Resource& resource,
                                                std::int64_t replica, const StackTools& tools) {
  return std::make_unique<Service>(resource, replica, tools);
}

std::unique_ptr<apphost::Runnable> make_executable(const apphost::Resource& resource,
                                                   const StackTools& tools) {
  return std::make_unique<Executable>(resource, tools);
}

std::string own_program() {
  std::error_code gone;
  const std::string link = "/proc/self/exe";
  const auto path = fs::read_symlink(link, gone);
  return !gone && fs::exists(path, gone) ? path.string() : link;  // it may have been replaced
}

std::string gateway_host(const Configuration& configuration) {
  const auto& address = configuration.text("Http:Address");
  return address == "0.0.0.0" || address == "::" ? "127.0.0.1" : address;
}

}  // namespace stoa
