#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "main/stack.hpp"
#include "main/stack_client.hpp"

namespace CLI {
class App;
}

namespace stoa {

/// `stoa up --stack`, and the commands of who looks after a stack: `ps`, `logs`, `restart`,
/// `scale`.
class StackCommands {
 public:
  /// Adds them to the program's, and options to `up`; both outlive this.
  StackCommands(CLI::App& app, CLI::App& up);

  [[nodiscard]] bool is_wanted() const { return stack_ || print_manifest_; }
  /// Runs `stoa up` with what its other options said.
  int up(StackOptions options) const;
  /// Runs the one that was called; nothing when it was another command.
  std::optional<int> run();

 private:
  CLI::App* keeper_command_ = nullptr;
  CLI::App* ps_command_ = nullptr;
  CLI::App* logs_command_ = nullptr;
  CLI::App* restart_command_ = nullptr;
  CLI::App* scale_command_ = nullptr;
  CLI::App* env_command_ = nullptr;
  bool stack_ = false;
  bool print_manifest_ = false;
  std::string manifest_;
  std::int64_t replicas_ = 1;
  std::string data_ = "./data";
  std::string resource_;
  bool json_ = false;
  bool follow_ = false;
};

}  // namespace stoa
