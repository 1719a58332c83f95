#pragma once

#include <map>
#include <string>

namespace stoa {

// What talks to the AppHost that runs on a data folder. Each returns the exit status: 0, 1 with a
// sentence on standard error, or 2 for what cannot be meant.

/// `stoa env`: the variables by which commands reach what the stack's services reach, a line each.
int print_environment(const std::string& data);
/// This process's variables, and before them those of the stack that runs on `data`, if one does.
std::map<std::string, std::string> environment_of_stack(const std::string& data);
/// `stoa ps`.
int list_processes(const std::string& data, bool json);
/// `stoa logs`: the resource's file, and what is added to it.
int print_logs(const std::string& data, const std::string& resource, bool follow);
/// `stoa restart`.
int restart_resource(const std::string& data, const std::string& resource);
/// `stoa scale`, `ordering=2`.
int scale_service(const std::string& data, const std::string& wanted);

}  // namespace stoa
