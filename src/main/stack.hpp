#pragma once

#include <cstdint>
#include <string>

namespace stoa {

struct StackOptions {
  std::string data = "./data";
  std::string settings = "appsettings.json";
  int port = -1;         ///< of the gateway; below 0: as the manifest says
  std::string manifest;  ///< a file; empty: the built-in one
  std::int64_t replicas = 1;
  bool demo = false;
};

/// `stoa up --stack`: the AppHost. Brings up what the manifest says, looks after it until SIGINT,
/// SIGTERM or SIGHUP, and leaves nothing behind. Exit status 0, or 1 with a sentence on standard
/// error. To be called while the process has one thread.
int run_stack(const StackOptions& options);

}  // namespace stoa
