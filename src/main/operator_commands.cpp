#include "main/operator_commands.hpp"

#include <CLI/CLI.hpp>

namespace stoa {

OperatorCommands::OperatorCommands(CLI::App& app) {
  add_backup(app);
  add_restore(app);
}

void OperatorCommands::add_backup(CLI::App& app) {
  auto& command = *app.add_subcommand("backup", "Add a backup of a shop to a folder");
  backup_command_ = &command;
  backup_.data = "./data";
  command.add_option("DIR", backup_.folder, "Folder of the backups of one shop")->required();
  command.add_option("--data", backup_.data, "Folder of the shop, running or not")
      ->capture_default_str();
  command.add_option("--keys", backup_.keys, "Folder for the keys; default: DIR/keys");
  command.add_flag("--full", backup_.full, "Begin a new base even if a segment would do");
  command.add_option("--keep", backup_.keep, "Keep so many bases with their segments; 0: all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command
      .add_option("--verify", verify_,
                  "full: restore it aside, check files, hash chains and audit; quick: not")
      ->check(CLI::IsMember({"full", "quick"}))
      ->capture_default_str();
  command.add_flag("--json", backup_.shop.json, "Print one JSON object on standard output");
  command.footer(
      "The first backup is a base, later ones hold what changed since. The keys of personal data\n"
      "are in DIR/keys alone: move them elsewhere, and name the place when you restore.\n"
      "Example:\n  stoa backup /mnt/backup/shop --data /var/lib/stoa --keep 2");
}

void OperatorCommands::add_restore(CLI::App& app) {
  auto& command = *app.add_subcommand("restore", "Make a shop of a backup");
  restore_command_ = &command;
  command.add_option("DIR", restore_.folder, "Folder of the backups")->required();
  command.add_option("--data", restore_.data, "Folder for the shop, new or empty")->required();
  command.add_option("--keys", restore_.keys, "Folder of the keys; default: DIR/keys, if there");
  command.add_option("--cut", restore_.cut, "Number of the backup; default: the newest");
  command.add_flag("--json", restore_.json, "Print one JSON object on standard output");
  command.footer(
      "Every log begins a new epoch, so that who followed it notices what is gone.\n"
      "Example:\n  stoa restore /mnt/backup/shop --data /var/lib/stoa-restored");
}

std::optional<int> OperatorCommands::run() {
  if (*backup_command_) {
    backup_.verify_whole = verify_ == "full";
    return back_up(backup_);
  }
  if (*restore_command_) return restore_backup(restore_);
  return std::nullopt;
}

}  // namespace stoa
