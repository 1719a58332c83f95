#pragma once

#include <vector>

#include "kernel/mediator/executor.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa {

/// What one transaction looks like in the traces of the commands that share it: to each of them a
/// span `batch`, linked to the others' traces, with `decide` (the command and its reactions) and
/// `commit` below it. Holds nothing when no command of the batch is traced.
class BatchSpans {
 public:
  /// `tracer` may be null or off.
  BatchSpans(const telemetry::Tracer* tracer, const Executor::Work* works, std::size_t count);

  void decide(const Executor::Work& work);
  void decided(const Executor::Work& work);
  void commit();
  void committed();

 private:
  struct Traced {
    const Executor::Work* work;
    telemetry::SpanContext parent;
    Timestamp begun, ended;
  };
  [[nodiscard]] Traced* find(const Executor::Work& work);

  const telemetry::Tracer* tracer_;
  std::size_t count_;
  std::vector<Traced> traced_;  ///< in the order of the batch
  std::size_t at_ = 0;          ///< of the command that is decided now, or comes next
  Timestamp begun_, commit_begun_;
};

}  // namespace stoa
