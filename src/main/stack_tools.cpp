#include "main/stack_tools.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <sstream>

#include "platform/process/ports.hpp"

namespace stoa {
namespace {

constexpr std::chrono::seconds end_within{60};

std::string replica_name(const apphost::Resource& service, std::int64_t replica) {
  return service.name + "-" + std::to_string(replica);
}

}  // namespace

StackPorts::StackPorts(const apphost::Manifest& manifest, std::set<std::string> external,
                       int gateway_port, std::string services_file)
    : manifest_(manifest) {
  addresses_.external = std::move(external);
  addresses_.services_file = std::move(services_file);
  for (const auto& resource : manifest.resources) {
    if (addresses_.external.contains(resource.name)) continue;
    for (const auto& endpoint : resource.endpoints) {
      auto wanted = static_cast<std::uint16_t>(endpoint.port);
      if (resource.name == apphost::gateway_name && gateway_port >= 0)
        wanted = static_cast<std::uint16_t>(gateway_port);
      const bool is_good = wanted != 0 && !given_.contains(wanted) && process::is_port_free(wanted);
      const auto port = is_good ? wanted : free();
      given_.insert(port);
      addresses_.ports[resource.name][endpoint.name] = port;
      if (!is_good && wanted != 0)
        replaced_.push_back("Port " + std::to_string(wanted) + " is taken: " + resource.name +
                            (resource.endpoints.size() > 1 ? " (" + endpoint.name + ")" : "") +
                            " is at " + std::to_string(port) + " instead.");
    }
  }
}

std::uint16_t StackPorts::free() {
  const auto port = process::free_port(given_);
  given_.insert(port);
  return port;
}

apphost::Addresses StackPorts::addresses() const {
  const std::lock_guard lock(mutex_);
  return addresses_;
}

std::map<std::string, std::uint16_t> StackPorts::of(const std::string& resource) const {
  const std::lock_guard lock(mutex_);
  const auto found = addresses_.ports.find(resource);
  return found == addresses_.ports.end() ? std::map<std::string, std::uint16_t>{} : found->second;
}

std::uint16_t StackPorts::inner(const std::string& resource, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& port = replicas_[resource + "/" + name];
  if (port == 0) port = free();
  return port;
}

std::uint16_t StackPorts::replica(const apphost::Resource& service, std::int64_t replica) {
  const std::lock_guard lock(mutex_);
  auto& port = replicas_[replica_name(service, replica)];
  const bool is_direct = replica == 1 && !apphost::is_behind_gateway(manifest_, service);
  if (port == 0 && is_direct) port = addresses_.port(service);
  if (port == 0 || !process::is_port_free(port)) port = free();
  auto& urls = addresses_.replicas[service.name];
  if (std::ssize(urls) < replica) urls.resize(static_cast<std::size_t>(replica));
  urls[static_cast<std::size_t>(replica - 1)] = "http://127.0.0.1:" + std::to_string(port);
  return port;
}

void StackPorts::end_replica(const apphost::Resource& service, std::int64_t replica) {
  const std::lock_guard lock(mutex_);
  auto& urls = addresses_.replicas[service.name];
  if (std::ssize(urls) == replica) urls.pop_back();
}

Result<void> run_to_end(const StackTools& tools, const std::string& resource,
                        const Program& program) {
  const auto ended = std::make_shared<std::promise<int>>();  // which may come too late
  auto status = ended->get_future();
  const auto started = tools.programs.start(
      program,
      {[output = tools.output, resource](std::string_view line) { output(resource, line); },
       [ended](int code) { ended->set_value(code); }});
  if (!started) return fail(started.error());
  if (status.wait_for(end_within) != std::future_status::ready) {
    tools.programs.signal(started->id, SIGKILL);
    return fail(ErrorKind::unavailable, "failed", program.arguments.front() + " does not end.");
  }
  if (status.get() == 0) return {};
  return fail(ErrorKind::unavailable, "failed", program.arguments.front() + " failed.");
}

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string file; std::getline(folders, file, ':');)
    if (access(file.append("/").append(name).c_str(), X_OK) == 0) return file;
  for (const auto* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/bin/"})
    if (auto file = std::string(folder).append(name); access(file.c_str(), X_OK) == 0) return file;
  return {};
}

}  // namespace stoa
