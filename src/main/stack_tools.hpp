#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "apphost/plan.hpp"
#include "kernel/process/programs.hpp"
#include "main/configuration.hpp"

namespace stoa {

/// Which ports the parts of a stack have. Thread-safe.
class StackPorts {
 public:
  /// Gives every endpoint of what is not `external` the port that it wants, or a free one.
  /// `gateway_port` is wanted instead of that of the manifest; below 0: it is not.
  StackPorts(const apphost::Manifest& manifest, std::set<std::string> external, int gateway_port,
             std::string services_file);

  /// What could not be as it was wanted, each as a sentence.
  [[nodiscard]] const std::vector<std::string>& replaced() const { return replaced_; }
  [[nodiscard]] apphost::Addresses addresses() const;
  [[nodiscard]] std::map<std::string, std::uint16_t> of(const std::string& resource) const;
  /// One that nobody outside needs to know, the same each time.
  std::uint16_t inner(const std::string& resource, const std::string& name);
  /// That of a service's replica: the same each time, unless somebody else has taken it meanwhile.
  std::uint16_t replica(const apphost::Resource& service, std::int64_t replica);
  /// There is no such replica any more; it was the last of its service.
  void end_replica(const apphost::Resource& service, std::int64_t replica);

 private:
  std::uint16_t free();

  const apphost::Manifest& manifest_;
  mutable std::mutex mutex_;
  apphost::Addresses addresses_;
  std::map<std::string, std::uint16_t> replicas_;  ///< by `ordering-1`
  std::set<std::uint16_t> given_;
  std::vector<std::string> replaced_;
};

/// What all parts of a stack are made with. All of it outlives them.
struct StackTools {
  const apphost::Manifest& manifest;
  const Configuration& configuration;
  const apphost::Credentials& credentials;
  std::string kafka_cluster;
  std::string folder;    ///< of the stack, absolute
  std::string settings;  ///< the configuration file, absolute
  StackPorts& ports;
  Programs& programs;
  std::function<void(const std::string& resource, std::string_view line)> output;
};

/// Runs a program that ends by itself, its output among that of the resource. `failed`
/// (unavailable) when it does not end with 0, or not within a minute.
Result<void> run_to_end(const StackTools& tools, const std::string& resource,
                        const Program& program);

/// The path of a program of the PATH; empty when there is none.
std::string find_program(const std::string& name);

}  // namespace stoa
