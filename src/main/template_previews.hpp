#pragma once

#include <functional>
#include <string>

#include "kernel/base/clock.hpp"
#include "kernel/http/router.hpp"
#include "kernel/messaging/task_queue.hpp"

namespace stoa {

/// Adds the preview of a notification's template to a gateway's routes: it asks a replica of
/// Notification over its queue of requests, and waits `deadline` for it. What RabbitMQ does not
/// take is passed on by `forward`. `caller` and `clock` outlive the router.
void add_template_previews(http::Router& router, messaging::TaskCaller& caller, Duration deadline,
                           const Clock& clock, http::Handler forward);

/// What a replica of Notification does with a request of that queue: the same as its own route,
/// which is in `router`. The router outlives it.
messaging::TakeTask answers_previews(const http::Router& router, const Clock& clock,
                                     std::function<void(const std::string&)> warn);

}  // namespace stoa
