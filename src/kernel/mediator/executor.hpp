#pragma once

#include <functional>
#include <memory>

#include "kernel/base/result.hpp"
#include "kernel/mediator/unit_of_work.hpp"

namespace stoa {

/// Runs decisions in batches: what is queued now shares one transaction. Thread-safe.
class Executor {
 public:
  enum class Lane {
    inside,   ///< results, timers, reactions: never shed
    outside,  ///< commands of clients: shed when the queue is full
  };

  struct Work {
    Lane lane = Lane::inside;
    int weight = 1;  ///< order lines, or their like
    Cause cause = {};
    /// Decides and appends. May run again after a rollback, so it keeps no effect outside the
    /// database but in what it is told to fill. Throws only on a defect or a broken database.
    std::function<void(UnitOfWork&)> run;
    /// Called once on the writer thread: nullptr when what `run` did is durable.
    std::function<void(const Error* failure)> done;
    int commands = 1;  ///< that it is counted as: a batch of messages is many
    /// Says what `run` will ask the database, as sql::Connection::prefetch, before anything of the
    /// batch is decided; on the writer thread. May be empty.
    std::function<void()> prefetch = {};
  };

  virtual ~Executor() = default;
  /// False when the work was shed; then `done` is never called.
  [[nodiscard]] virtual bool submit(Work work) = 0;
  /// Submits `run` every `interval` until the executor stops.
  virtual void every(Duration interval, std::function<void(UnitOfWork&)> run) = 0;
};

/// Runs `decide` in the writer and answers its Result, `overloaded` (unavailable) when it was shed.
/// `answer` is called once, on the writer thread or on the caller's.
template <class T>
void execute(Executor& executor, Executor::Lane lane, int weight, Cause cause,
             std::function<Result<T>(UnitOfWork&)> decide,
             const std::function<void(Result<T>)>& answer, std::function<void()> prefetch = {}) {
  auto result = std::make_shared<Result<T>>(fail(ErrorKind::internal, "not_run", "Did not run."));
  const bool taken = executor.submit(
      {lane, weight, std::move(cause),
       [result, decide = std::move(decide)](UnitOfWork& unit) { *result = decide(unit); },
       [result, answer](const Error* failure) {
         answer(failure != nullptr ? Result<T>(fail(*failure)) : std::move(*result));
       },
       1, std::move(prefetch)});
  if (!taken) answer(fail(overloaded()));
}

}  // namespace stoa
