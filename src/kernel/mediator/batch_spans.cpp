#include "kernel/mediator/batch_spans.hpp"

namespace stoa {

using telemetry::Attribute;
using telemetry::SpanKind;

BatchSpans::BatchSpans(const telemetry::Tracer* tracer, const Executor::Work* works,
                       std::size_t count)
    : tracer_(tracer), count_(count) {
  if (tracer_ == nullptr || !tracer_->is_on()) return;
  for (const auto* work = works; work != works + count; ++work) {
    if (!telemetry::Tracer::is_sampled(work->cause.traceparent)) continue;
    if (const auto parent = telemetry::context_of(work->cause.traceparent))
      traced_.push_back({work, *parent, {}, {}});
  }
  if (!traced_.empty()) begun_ = tracer_->now();
}

BatchSpans::Traced* BatchSpans::find(const Executor::Work& work) {
  return at_ < traced_.size() && traced_[at_].work == &work ? &traced_[at_] : nullptr;
}

void BatchSpans::decide(const Executor::Work& work) {
  if (auto* traced = find(work)) traced->begun = tracer_->now();
}

void BatchSpans::decided(const Executor::Work& work) {
  if (auto* traced = find(work)) {
    traced->ended = tracer_->now();
    ++at_;
  }
}

void BatchSpans::commit() {
  if (!traced_.empty()) commit_begun_ = tracer_->now();
}

void BatchSpans::committed() {
  if (traced_.empty()) return;
  const auto ended = tracer_->now();
  for (const auto& one : traced_) {
    auto batch = tracer_->child("batch", SpanKind::internal, one.parent, begun_);
    batch.set(Attribute::batch_size, static_cast<std::int64_t>(count_));
    for (const auto& other : traced_)
      if (other.parent.trace != one.parent.trace) batch.link(other.parent);
    auto decide = tracer_->child("decide", SpanKind::internal, batch.context(), one.begun);
    decide.end_at(one.ended);
    auto commit = tracer_->child("commit", SpanKind::internal, batch.context(), commit_begun_);
    commit.end_at(ended);
    batch.end_at(ended);
  }
}

}  // namespace stoa
