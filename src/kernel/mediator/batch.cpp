#include "kernel/mediator/batch.hpp"

#include <algorithm>

#include "kernel/base/planted.hpp"
#include "kernel/mediator/batch_spans.hpp"

namespace stoa {
namespace {

void reply(Executor::Work* works, std::size_t count) {
  at_point(Point::before_reply);
  for (auto* work = works; work != works + count; ++work)
    if (work->done) work->done(nullptr);
  at_point(Point::after_reply);
}

}  // namespace

bool WorkQueue::push(Executor::Work work) {
  const bool outside = work.lane == Executor::Lane::outside;
  const bool is_full = outside_.size() >= outside_max_ && !planted(Defect::never_shed);
  if (outside && is_full) return false;
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
  const bool last_try = batch.size() == 1 || planted(Defect::batch_not_retried);
  if (try_transaction(batch.data(), batch.size(), last_try)) return;
  if (last_try) return;
  for (auto& work : batch) try_transaction(&work, 1, true);
}

bool BatchRunner::try_transaction(Executor::Work* works, std::size_t count, bool last_try) {
  UnitOfWork unit(now());
  BatchSpans spans(tracer_, works, count);
  std::string what;
  try {
    if (!transactions_.begin()) forget();
    for (auto* work = works; work != works + count; ++work)
      if (work->prefetch) work->prefetch();
    for (auto* work = works; work != works + count; ++work) {
      spans.decide(*work);
      unit.set_cause(work->cause);
      work->run(unit);
      at_point(Point::before_publish);
      unit.drain_reactions();
      at_point(Point::after_publish);
      spans.decided(*work);
    }
    spans.commit();
    for (auto* participant : participants_) participant->flush(unit);
    if (planted(Defect::reply_before_commit)) reply(works, count);
    at_point(Point::before_commit);
    transactions_.commit();
    at_point(Point::after_commit);
    spans.committed();
    committed(works, count, unit);
    return true;
  } catch (const std::exception& e) {
    what = e.what();
  }
  transactions_.rollback();
  forget();
  ++rollbacks_;
  report_defect_("A batch of " + std::to_string(count) + " was rolled back: " + what);
  if (last_try) {
    const auto error = internal_error();
    for (auto* work = works; work != works + count; ++work)
      if (work->done) work->done(&error);
  }
  return false;
}

void BatchRunner::forget() noexcept {
  for (auto* participant : participants_) participant->rolled_back();
}

void BatchRunner::committed(Executor::Work* works, std::size_t count, UnitOfWork& unit) {
  ++commits_;
  for (const auto* work = works; work != works + count; ++work) commands_ += work->commands;
  for (auto* participant : participants_) participant->committed();
  if (!planted(Defect::reply_before_commit)) reply(works, count);
  for (auto& action : unit.take_after_commit()) action();
}

}  // namespace stoa
