#include "main/stack_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "apphost/manifest.hpp"
#include "platform/process/keeper.hpp"

namespace stoa {

StackCommands::StackCommands(CLI::App& app, CLI::App& up) {
  auto* const wanted = up.add_flag(
      "--stack", stack_, "Run the fleet: servers, every service and the gateway, as processes");
  up.add_option("--manifest", manifest_, "What the stack is made of; default: built in")
      ->needs(wanted);
  up.add_option("--replicas", replicas_, "Of each service that does not say how many")
      ->check(CLI::Range(std::int64_t{1}, apphost::replicas_max))
      ->capture_default_str()
      ->needs(wanted);
  up.add_flag("--print-manifest", print_manifest_, "Only print the built-in manifest")
      ->needs(wanted);
  keeper_command_ = app.add_subcommand("keeper", "A part of `stoa up --stack`")->group("");
  ps_command_ = app.add_subcommand("ps", "List the processes of a running stack");
  ps_command_->add_flag("--json", json_, "Print a JSON array");
  logs_command_ = app.add_subcommand("logs", "Print what a resource of a running stack said");
  logs_command_->add_flag("--follow,-f", follow_, "Go on until SIGINT, or the stack ends");
  restart_command_ = app.add_subcommand(
      "restart", "Restart a resource of a running stack, one replica after another");
  scale_command_ = app.add_subcommand("scale", "Change how many replicas a service has");
  for (auto* command : {logs_command_, restart_command_})
    command->add_option("RESOURCE", resource_, "Its name in the manifest")->required();
  scale_command_->add_option("REPLICAS", resource_, "SERVICE=N: the service, and how many")
      ->required();
  env_command_ = app.add_subcommand("env", "Print how to reach what a running stack runs on");
  env_command_->footer(
      "Variables with secrets, a line each.\nExample:\n"
      "  env $(stoa env --data /var/lib/stoa-stack) stoa queues");
  for (auto* command : {ps_command_, logs_command_, restart_command_, scale_command_, env_command_})
    command->add_option("--data", data_, "Folder of the stack")->capture_default_str();
  scale_command_->footer(
      "Returns when all are ready. One that goes gets no more requests first, and ends those that "
      "it has.\nExample:\n  stoa scale ordering=3 --data /var/lib/stoa-stack");
}

int StackCommands::up(StackOptions options) const {
  if (print_manifest_) {
    std::cout << apphost::default_manifest() << std::flush;
    return 0;
  }
  options.manifest = manifest_;
  options.replicas = replicas_;
  return run_stack(options);
}

std::optional<int> StackCommands::run() {
  if (*keeper_command_) return process::run_keeper();
  if (*ps_command_) return list_processes(data_, json_);
  if (*env_command_) return print_environment(data_);
  if (*logs_command_) return print_logs(data_, resource_, follow_);
  if (*restart_command_) return restart_resource(data_, resource_);
  if (*scale_command_) return scale_service(data_, resource_);
  return std::nullopt;
}

}  // namespace stoa
