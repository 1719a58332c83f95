#pragma once

#include <memory>

#include "apphost/supervisor.hpp"
#include "main/stack_tools.hpp"

namespace stoa {

/// What runs a replica of a service, or the gateway: this program again. All outlives it.
std::unique_ptr<apphost::Runnable> make_service(const apphost::Resource& resource,
                                                std::int64_t replica, const StackTools& tools);

/// What runs any other program of the manifest.
std::unique_ptr<apphost::Runnable> make_executable(const apphost::Resource& resource,
                                                   const StackTools& tools);

/// The path of this program.
std::string own_program();

/// Where the gateway is reached from this machine.
std::string gateway_host(const Configuration& configuration);

}  // namespace stoa
