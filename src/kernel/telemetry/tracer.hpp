#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/clock.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/telemetry/exporter.hpp"

namespace stoa::telemetry {

/// Takes spans that have ended. Thread-safe; never waits.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void take(SpanRecord span) noexcept = 0;
};

/// All that a span may say, besides its name, its times and its outcome. The list is closed so that
/// no name, address, e-mail or token can get into a trace: texts of clients have no place here.
enum class Attribute {
  http_method,
  http_route,  ///< the template, `/v1/orders/{id}`
  http_status,
  batch_size,  ///< commands in one transaction
  operation,   ///< of a provider: `authorize`, `capture`, …
  outcome,
  payment_id,
  job,  ///< kind of a job
  mail_template,
  attempt,  ///< from 1
};

/// Something that takes time. What is not recorded holds nothing and costs a null test. Ends when
/// it is destroyed, or before. One thread at a time.
class Span {
 public:
  Span() = default;
  Span(SpanRecord record, SpanSink& sink, const Clock& clock);
  Span(Span&&) noexcept = default;
  Span& operator=(Span&& other) noexcept;
  ~Span() { end(); }

  explicit operator bool() const { return record_ != nullptr; }
  /// Of something in Stoa, never of a client: a literal, or a route's template.
  void rename(std::string_view name);
  void set(Attribute attribute, std::int64_t value);
  /// Words of letters, digits and `_ . - / { }`, 64 at most: another text is kept out.
  void set(Attribute attribute, std::string_view word);
  void link(const SpanContext& other);
  /// `code` is stable, as in a problem document.
  void fail(std::string_view code);
  /// Only while it is recorded.
  [[nodiscard]] const SpanContext& context() const { return record_->context; }
  void end();
  void end_at(Timestamp end);

 private:
  std::unique_ptr<SpanRecord> record_;
  SpanSink* sink_ = nullptr;
  const Clock* clock_ = nullptr;
};

/// The span of a call that is answered on another thread, once. It fails with `no_answer` when the
/// last who could have ended it is gone.
class SharedSpan {
 public:
  explicit SharedSpan(Span span) : span_(std::move(span)) {}
  SharedSpan(const SharedSpan&) = delete;
  SharedSpan& operator=(const SharedSpan&) = delete;
  ~SharedSpan();
  void end(Attribute attribute, std::string_view word);

 private:
  std::mutex mutex_;
  Span span_;
};

/// Begins spans, or does nothing when it is off. A new trace is sampled by ratio, one that is
/// joined as its parent was. Thread-safe.
class Tracer {
 public:
  Tracer() = default;  ///< off
  /// All outlive it. `ratio` of new traces, 0 to 1.
  Tracer(const Clock& clock, IdSource& ids, SpanSink& sink, double ratio);

  [[nodiscard]] bool is_on() const { return sink_ != nullptr; }

  /// At the edge, or where the shop itself begins something, when it is on: a span of the trace of
  /// `traceparent`, or of a new one when that is empty. `traceparent` becomes the span's own.
  [[nodiscard]] Span enter(std::string& traceparent, Timestamp start,
                           SpanKind kind = SpanKind::server) const;

  /// Below the span that `traceparent` names; recorded only when that was sampled.
  [[nodiscard]] Span start(std::string_view name, SpanKind kind,
                           std::string_view traceparent) const {
    return is_on() && is_sampled(traceparent) ? begin(name, kind, traceparent) : Span();
  }
  /// Of something that began before; only when it is on and `parent` was sampled.
  [[nodiscard]] Span child(std::string_view name, SpanKind kind, const SpanContext& parent,
                           Timestamp start) const;

  [[nodiscard]] static bool is_sampled(std::string_view traceparent);
  [[nodiscard]] Timestamp now() const { return clock_->now(); }

 private:
  [[nodiscard]] Span begin(std::string_view name, SpanKind kind,
                           std::string_view traceparent) const;
  [[nodiscard]] bool is_chosen(const TraceId& trace) const;

  const Clock* clock_ = nullptr;
  IdSource* ids_ = nullptr;
  SpanSink* sink_ = nullptr;
  std::uint64_t below_ = 0;  ///< of 2^56
};

/// Nothing unless it is as `parse_traceparent` gives it.
std::optional<SpanContext> context_of(std::string_view traceparent);
/// Of 32 hexadecimal digits; all zero of anything else.
TraceId trace_of(std::string_view trace_id);
std::string to_traceparent(const SpanContext& context);
std::string_view name_of(Attribute attribute);

}  // namespace stoa::telemetry
