#include "kernel/mediator/run_and_wait.hpp"

#include <future>

namespace stoa {

bool run_and_wait(Executor& executor, Executor::Work work) {
  std::promise<bool> durable;
  work.done = [&](const Error* failure) { durable.set_value(failure == nullptr); };
  return executor.submit(std::move(work)) && durable.get_future().get();
}

}  // namespace stoa
