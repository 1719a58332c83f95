#pragma once

#include "kernel/mediator/executor.hpp"

namespace stoa {

/// Runs `work`, whose `done` is not looked at, and waits; whether it is durable. Not on the writer
/// thread.
[[nodiscard]] bool run_and_wait(Executor& executor, Executor::Work work);

}  // namespace stoa
