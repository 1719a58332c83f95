#include "kernel/mediator/batch.hpp"

#include <algorithm>

#include "kernel/mediator/batch_spans.hpp"

namespace stoa {

bool WorkQueue::push(Executor::Work work) {
  const bool outside = work.lane == Executor::Lane::outside;
  if (outside && outside_.size() >= outside_max_) return false;
  (outside ? outside_ : inside_).push_back(std::move(work));
  return true;
}

std::vector<Executor::Work> WorkQueue::take(int weight_max) {
  std::vector<Executor::Work> batch;
  int weight = 0;
  for (auto* queue : {&inside_, &outside_}) {
    while (!queue->empty() && (batch.empty() || weight < weight_max)) {
      weight += queue->front().weight;
      batch.push_back(std::move(queue->front()));
      queue->pop_front();
    }
  }
  return batch;
}

void BatchRunner::run(std::vector<Executor::Work>& batch) {
  if (try_transaction(batch.data(), batch.size(), batch.size() == 1)) return;
  if (batch.size() == 1) return;
  for (auto& work : batch) try_transaction(&work, 1, true);
}

bool BatchRunner::try_transaction(Executor::Work* works, std::size_t count, bool last_try) {
  UnitOfWork unit(now());
  BatchSpans spans(tracer_, works, count);
  std::string what;
  try {
    transactions_.begin();
    for (auto* work = works; work != works + count; ++work) {
      spans.decide(*work);
      unit.set_cause(work->cause);
      work->run(unit);
      unit.drain_reactions();
      spans.decided(*work);
    }
    spans.commit();
    for (auto* participant : participants_) participant->flush(unit);
    transactions_.commit();
    spans.committed();
    committed(works, count, unit);
    return true;
  } catch (const std::exception& e) {
    what = e.what();
  }
  transactions_.rollback();
  for (auto* participant : participants_) participant->rolled_back();
  ++rollbacks_;
  report_defect_("A batch of " + std::to_string(count) + " was rolled back: " + what);
  if (last_try) {
    const auto error = internal_error();
    for (auto* work = works; work != works + count; ++work)
      if (work->done) work->done(&error);
  }
  return false;
}

void BatchRunner::committed(Executor::Work* works, std::size_t count, UnitOfWork& unit) {
  ++commits_;
  commands_ += static_cast<std::int64_t>(count);
  for (auto* participant : participants_) participant->committed();
  for (auto* work = works; work != works + count; ++work)
    if (work->done) work->done(nullptr);
  for (auto& action : unit.take_after_commit()) action();
}

}  // namespace stoa
