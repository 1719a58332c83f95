#pragma once

#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/eventlog/event_log.hpp"

namespace stoa {

/// One write transaction, seen by the commands that are decided in it. Writer thread only.
class UnitOfWork {
 public:
  using Step = std::function<void(UnitOfWork&)>;

  explicit UnitOfWork(Timestamp now) : now_(now) {}

  /// One instant for the whole batch; never falls from batch to batch.
  [[nodiscard]] Timestamp now() const { return now_; }

  [[nodiscard]] const Cause& cause() const { return cause_; }
  void set_cause(Cause cause) { cause_ = std::move(cause); }

  /// A reaction to what was just decided: runs in this transaction, after the command.
  void react(Step step) { reactions_.push_back({cause_, std::move(step)}); }

  /// Outside work and answers: runs on the writer thread once the transaction is durable.
  void after_commit(std::function<void()> action) { after_commit_.push_back(std::move(action)); }

  void drain_reactions() {
    while (!reactions_.empty()) {
      auto [cause, step] = std::move(reactions_.front());
      reactions_.pop_front();
      cause_ = std::move(cause);
      step(*this);
    }
  }
  std::vector<std::function<void()>> take_after_commit() { return std::move(after_commit_); }

 private:
  Timestamp now_;
  Cause cause_;
  std::deque<std::pair<Cause, Step>> reactions_;
  std::vector<std::function<void()>> after_commit_;
};

/// Something with memory of the database: it writes what it holds back, and forgets on rollback.
class Participant {
 public:
  virtual ~Participant() = default;
  virtual void flush(UnitOfWork& unit) = 0;  ///< before the commit
  /// Memory that may differ from the database must go: after a rollback, and before a transaction
  /// when others have written since the last.
  virtual void rolled_back() noexcept = 0;
  virtual void committed() noexcept {}  ///< durable now, and nobody has been answered yet
};

}  // namespace stoa
