#pragma once

#include <memory>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/sql/connection.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa {

struct WriteLoopOptions {
  int batch_weight_max = 2'000;               ///< order lines, or their like, in one transaction
  std::size_t outside_max = 10'000;           ///< commands of clients that may wait; more are shed
  const telemetry::Tracer* tracer = nullptr;  ///< null or off: no batch is traced
  /// Between the beginnings of two transactions, so that what comes meanwhile shares the second;
  /// who comes after a rest waits for none. For a store where a transaction is dear.
  Duration pace{};
};

struct WriteLoopFigures {
  std::int64_t commits = 0;
  std::int64_t commands = 0;
  std::int64_t rollbacks = 0;
  std::int64_t shed = 0;
  std::size_t waiting = 0;
};

/// One writer thread: takes what is queued now, decides it in one transaction, runs the reactions
/// in the same one, flushes the participants, commits once, then answers. When a batch fails it is
/// rolled back and each command is tried alone, so that only the guilty one fails.
class WriteLoop : public Executor {
 public:
  /// Commands are taken from here on. `participants` may grow until then.
  virtual void start() = 0;
  /// Takes no more commands from outside, finishes what is queued, ends the thread.
  virtual void stop() = 0;
  [[nodiscard]] virtual WriteLoopFigures figures() const = 0;
  /// Called when nothing waits, four times a second at most while there is little to do, and about
  /// once a second even when work never ends; true when there may be more to do. Before start()
  /// only.
  virtual void when_idle(std::function<bool(UnitOfWork&)> slice) = 0;
};

std::unique_ptr<WriteLoop> make_write_loop(sql::Transactions& transactions, const Clock& clock,
                                           const std::vector<Participant*>& participants,
                                           std::function<void(const std::string&)> report_defect,
                                           WriteLoopOptions options = {});

}  // namespace stoa
