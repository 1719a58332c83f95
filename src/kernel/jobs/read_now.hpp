#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>

#include "kernel/mediator/executor.hpp"
#include "kernel/mediator/readers.hpp"

namespace stoa::jobs {

/// What `query` reads on a reader's thread, awaited; with `at_least` as Readers::submit_stale.
/// Throws std::runtime_error when it fails or too many wait. Not for the writer's thread, nor for a
/// reader's.
template <class T>
T read_now(Readers& readers, const std::function<T(Store)>& query,
           std::optional<std::int64_t> at_least = {}) {
  auto answer = std::make_shared<std::promise<T>>();
  auto read = answer->get_future();
  const auto failure = [] { return std::make_exception_ptr(std::runtime_error("No answer.")); };
  const auto read_it = [answer, query](Store store) { answer->set_value(query(store)); };
  const auto failed = [answer, failure] { answer->set_exception(failure()); };
  const bool taken =
      at_least ? readers.submit_stale(*at_least, read_it, failed) : readers.submit(read_it, failed);
  if (!taken) throw std::runtime_error("Too many queries wait.");
  return read.get();
}

/// Does `run` in a transaction of the writer, awaited. Throws std::runtime_error when it is not
/// kept. Not for the writer's thread.
inline void write_now(Executor& executor, int weight, const std::function<void(UnitOfWork&)>& run) {
  std::promise<bool> kept;
  const bool taken =
      executor.submit({Executor::Lane::inside,
                       weight,
                       {.actor = "system", .causation = "job"},
                       run,
                       [&](const Error* failure) { kept.set_value(failure == nullptr); }});
  if (!taken || !kept.get_future().get()) throw std::runtime_error("Was not kept.");
}

}  // namespace stoa::jobs
