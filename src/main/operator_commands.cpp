#include "main/operator_commands.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

namespace stoa {

OperatorCommands::OperatorCommands(CLI::App& app) {
  add_backup(app);
  add_restore(app);
  add_doctor(app);
}

void OperatorCommands::add_backup(CLI::App& app) {
  auto& command = *app.add_subcommand("backup", "Add a backup of a shop to a folder");
  backup_command_ = &command;
  backup_.data = "./data";
  command.add_option("DIR", backup_.folder, "Folder of the backups of one shop")->required();
  command.add_option("--data", backup_.data, "Folder of the shop, running or not")
      ->capture_default_str();
  command.add_option("--url", backup_.shop.url,
                     "Fetch a copy from the running shop at this address instead");
  command.add_option("--key", backup_.shop.key,
                     "Secret key; default: STOA__Auth__SecretKey, else the file of --data");
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

void OperatorCommands::add_doctor(CLI::App& app) {
  auto& command = *app.add_subcommand("doctor", "Say what is not well with a shop, and what to do");
  doctor_command_ = &command;
  doctor_.data = "./data";
  command.add_option("--data", doctor_.data, "Folder of the shop")->capture_default_str();
  command.add_option("--url", doctor_.shop.url, "Address of the running shop")
      ->capture_default_str();
  command.add_option("--key", doctor_.shop.key,
                     "Secret key; default: STOA__Auth__SecretKey, else the file of --data");
  command.add_option("--backups", doctor_.backups, "Look at a folder of backups too");
  command.add_flag("--json", doctor_.shop.json, "Print one JSON object on standard output");
  command.footer(
      "Looks into the folder when no process runs on it, else asks the shop at the address.\n"
      "Exit status: 0 all is well, 1 warnings, 2 failures.\n"
      "Example:\n  stoa doctor --data /var/lib/stoa --backups /mnt/backup/shop");
}

std::optional<int> OperatorCommands::run() {
  if (*doctor_command_) {
    doctor_.by_url = doctor_command_->count("--url") > 0 ||
                     (doctor_command_->count("--data") == 0 && !std::filesystem::exists("./data"));
    return examine(doctor_);
  }
  if (*backup_command_) {
    backup_.verify_whole = verify_ == "full";
    if (backup_command_->count("--url") > 0) {
      if (const auto found = find_key(backup_.shop, backup_.data); !found) {
        std::cerr << "stoa: " << found.error().detail << "\n";
        return 1;
      }
      backup_.data.clear();
    }
    return back_up(backup_);
  }
  if (*restore_command_) return restore_backup(restore_);
  return std::nullopt;
}

}  // namespace stoa
