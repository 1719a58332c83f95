#pragma once

#include <memory>
#include <optional>
#include <string>

#include "main/backup.hpp"
#include "main/doctor.hpp"

namespace CLI {
class App;
}

namespace stoa {

/// The commands of who looks after a shop: `backup`, `restore`, `doctor`.
class OperatorCommands {
 public:
  /// Adds them to the program's; `app` outlives this.
  explicit OperatorCommands(CLI::App& app);

  /// Runs the one that was called; nothing when it was another command.
  std::optional<int> run();

 private:
  void add_backup(CLI::App& app);
  void add_restore(CLI::App& app);
  void add_doctor(CLI::App& app);

  CLI::App* backup_command_ = nullptr;
  CLI::App* restore_command_ = nullptr;
  CLI::App* doctor_command_ = nullptr;
  BackupOptions backup_;
  RestoreOptions restore_;
  DoctorOptions doctor_;
  std::string verify_ = "full";
};

}  // namespace stoa
