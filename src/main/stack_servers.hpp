#pragma once

#include <memory>

#include "apphost/supervisor.hpp"
#include "main/stack_tools.hpp"

namespace stoa {

/// What runs a server of the stack, in a folder of its own below the stack's. All outlives it.
std::unique_ptr<apphost::Runnable> make_postgres(const apphost::Resource& resource,
                                                 const StackTools& tools);
/// One of its nodes, counted from 1.
std::unique_ptr<apphost::Runnable> make_kafka(const apphost::Resource& resource, std::int64_t node,
                                              const StackTools& tools);
std::unique_ptr<apphost::Runnable> make_redis(const apphost::Resource& resource,
                                              const StackTools& tools);
std::unique_ptr<apphost::Runnable> make_rabbitmq(const apphost::Resource& resource,
                                                 const StackTools& tools);

/// The servers of the manifest that the configuration says are elsewhere.
std::set<std::string> external_servers(const apphost::Manifest& manifest,
                                       const Configuration& configuration);

}  // namespace stoa
