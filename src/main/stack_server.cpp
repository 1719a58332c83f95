#include "main/stack_server.hpp"

#include <algorithm>
#include <filesystem>

#include "main/service_process.hpp"
#include "main/stack_servers.hpp"

namespace stoa {
namespace {

bool is_external(const apphost::Manifest& manifest, const apphost::Resource& resource,
                 const Configuration& configuration) {
  const auto is_set = [&](std::string_view path) { return !configuration.text(path).empty(); };
  switch (resource.kind) {
    case apphost::Kind::postgres:
      return std::ranges::any_of(manifest.resources, [&](const apphost::Resource& one) {
        return one.kind == apphost::Kind::service && one.name != apphost::gateway_name &&
               std::ranges::find(one.references, resource.name) != one.references.end() &&
               is_set(database_setting(one.name));
      });
    case apphost::Kind::kafka:
      return is_set("Kafka:BootstrapServers");
    case apphost::Kind::redis:
      return is_set("ConnectionStrings:Redis");
    case apphost::Kind::rabbitmq:
      return is_set("RabbitMQ:HostName");
    default:
      return false;
  }
}

}  // namespace

StackServer::StackServer(const apphost::Resource& resource, const StackTools& tools,
                         std::string scheme, const std::string& node, const std::string& endpoint)
    : resource_(resource),
      tools_(tools),
      folder_(tools.folder + "/" + (node.empty() ? resource.name : node)),
      url_(std::move(scheme) + "://127.0.0.1:" + std::to_string(port(endpoint))) {}

std::unexpected<Error> StackServer::missing(const std::string& program) {
  return fail(ErrorKind::not_found, "no_program",
              "There is no " + program +
                  " on this machine: `./dev servers` installs it, or name one elsewhere in the "
                  "configuration.");
}

std::uint16_t StackServer::port(const std::string& name) const {
  return tools_.ports.of(resource_.name).at(name);
}

std::string StackServer::file(std::string_view name) const {
  return folder_ + "/" + std::string(name);
}

void StackServer::make_folder() const {
  std::filesystem::create_directories(folder_);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
}

Result<void> StackServer::run(const Program& program) const {
  return run_to_end(tools_, resource_.name, program);
}

Program StackServer::with_environment(Program program) const {
  for (const auto& [name, value] : resource_.environment) program.environment[name] = value;
  return program;
}

std::set<std::string> external_servers(const apphost::Manifest& manifest,
                                       const Configuration& configuration) {
  std::set<std::string> found;
  for (const auto& resource : manifest.resources)
    if (is_external(manifest, resource, configuration)) found.insert(resource.name);
  return found;
}

}  // namespace stoa
