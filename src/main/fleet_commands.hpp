#pragma once

#include <optional>
#include <string>
#include <vector>

#include "main/republish.hpp"

namespace CLI {
class App;
}

namespace stoa {

/// The commands of who looks after a fleet: `queues` for its tasks on RabbitMQ, `parked` for the
/// messages of Kafka that a service put aside, `republish` for those that Kafka has lost.
class FleetCommands {
 public:
  /// Adds them to the program's; `app` outlives this.
  explicit FleetCommands(CLI::App& app);

  /// Runs the one that was called; nothing when it was another command.
  std::optional<int> run();

 private:
  void add_queues(CLI::App& app);
  void add_parked(CLI::App& app);
  void add_republish(CLI::App& app);
  int run_queues();
  int run_parked();
  int run_republish();

  CLI::App *queues_ = nullptr, *dead_ = nullptr, *replay_ = nullptr;
  CLI::App *parked_ = nullptr, *list_ = nullptr, *show_ = nullptr, *replay_parked_ = nullptr;
  CLI::App* republish_ = nullptr;
  std::string settings_ = "appsettings.json";
  std::string data_ = "./data";
  bool json_ = false;
  bool all_ = false;
  int limit_ = 20;
  std::string queue_, service_, id_;
  RepublishOptions again_;
};

}  // namespace stoa
