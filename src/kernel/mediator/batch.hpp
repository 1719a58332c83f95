#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/sql/connection.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa {

/// What waits for the writer, in two lanes. Not thread-safe.
class WorkQueue {
 public:
  explicit WorkQueue(std::size_t outside_max) : outside_max_(outside_max) {}

  /// False when the lane of clients is full.
  [[nodiscard]] bool push(Executor::Work work);
  /// What waits, work from inside first, for it ends what is begun: at least one, and then more
  /// while the weight is below `weight_max`.
  std::vector<Executor::Work> take(int weight_max);

  [[nodiscard]] bool empty() const { return inside_.empty() && outside_.empty(); }
  [[nodiscard]] std::size_t size() const { return inside_.size() + outside_.size(); }

 private:
  std::size_t outside_max_;
  std::deque<Executor::Work> inside_;
  std::deque<Executor::Work> outside_;
};

/// Decides a batch in one transaction, runs the reactions in the same one, flushes the
/// participants, commits once, then answers. When a batch fails it is rolled back and each command
/// is tried alone, so that only the guilty one fails. Writer thread only, but for the counts.
class BatchRunner {
 public:
  BatchRunner(sql::Transactions& transactions, const Clock& clock,
              const std::vector<Participant*>& participants,
              std::function<void(const std::string&)> report_defect,
              const telemetry::Tracer* tracer)
      : transactions_(transactions),
        clock_(clock),
        participants_(participants),
        report_defect_(std::move(report_defect)),
        tracer_(tracer) {}

  void run(std::vector<Executor::Work>& batch);
  /// One transaction for these; true when it was committed. A last try answers the failure.
  bool try_transaction(Executor::Work* works, std::size_t count, bool last_try);

  [[nodiscard]] std::int64_t commits() const { return commits_; }
  [[nodiscard]] std::int64_t commands() const { return commands_; }
  [[nodiscard]] std::int64_t rollbacks() const { return rollbacks_; }

 private:
  void committed(Executor::Work* works, std::size_t count, UnitOfWork& unit);
  void forget() noexcept;
  Timestamp now() { return last_now_ = std::max(last_now_, clock_.now()); }

  sql::Transactions& transactions_;
  const Clock& clock_;
  const std::vector<Participant*>& participants_;
  std::function<void(const std::string&)> report_defect_;
  const telemetry::Tracer* tracer_;
  Timestamp last_now_;
  std::atomic<std::int64_t> commits_ = 0;
  std::atomic<std::int64_t> commands_ = 0;
  std::atomic<std::int64_t> rollbacks_ = 0;
};

}  // namespace stoa
