#pragma once

#include <string>

namespace stoa {

// What talks to the AppHost that runs on a data folder. Each returns the exit status: 0, 1 with a
// sentence on standard error, or 2 for what cannot be meant.

/// `stoa ps`.
int list_processes(const std::string& data, bool json);
/// `stoa logs`: the resource's file, and what is added to it.
int print_logs(const std::string& data, const std::string& resource, bool follow);
/// `stoa restart`.
int restart_resource(const std::string& data, const std::string& resource);
/// `stoa scale`, `ordering=2`.
int scale_service(const std::string& data, const std::string& wanted);

}  // namespace stoa
