#include "kernel/telemetry/tracer.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <span>

#include "kernel/base/assert.hpp"
#include "kernel/base/text.hpp"
#include "kernel/telemetry/trace.hpp"

namespace stoa::telemetry {
namespace {

constexpr std::size_t word_max = 64;
constexpr std::size_t links_max = 16;
constexpr std::size_t flags_at = 53;  ///< in a traceparent, two hexadecimal digits
constexpr std::uint64_t random_bits = std::uint64_t{1} << 56U;

bool is_word(std::string_view text) {
  return text.size() <= word_max && std::ranges::all_of(text, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  std::string_view("_.-/{}").find(c) != std::string_view::npos;
         });
}

int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

void read_hex(std::string_view text, std::span<std::uint8_t> to) {
  for (std::size_t at = 0; at < to.size(); ++at)
    to[at] = static_cast<std::uint8_t>(digit(text[2 * at]) * 16 + digit(text[2 * at + 1]));
}

SpanId new_span(IdSource& ids) {
  const auto id = ids.next();  // its second half is random
  SpanId span;
  std::copy(id.begin() + 8, id.end(), span.begin());
  return span;
}

}  // namespace

std::string_view name_of(Attribute attribute) {
  switch (attribute) {
    case Attribute::http_method:
      return "http.request.method";
    case Attribute::http_route:
      return "http.route";
    case Attribute::http_status:
      return "http.response.status_code";
    case Attribute::batch_size:
      return "stoa.batch.size";
    case Attribute::operation:
      return "stoa.operation";
    case Attribute::outcome:
      return "stoa.outcome";
    case Attribute::payment_id:
      return "stoa.payment.id";
    case Attribute::job:
      return "stoa.job";
    case Attribute::mail_template:
      return "stoa.mail.template";
    case Attribute::attempt:
      return "stoa.attempt";
  }
  return "stoa.unknown";
}

Span::Span(SpanRecord record, SpanSink& sink, const Clock& clock)
    : record_(std::make_unique<SpanRecord>(std::move(record))), sink_(&sink), clock_(&clock) {}

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  end();
  record_ = std::move(other.record_);
  sink_ = other.sink_;
  clock_ = other.clock_;
  return *this;
}

void Span::rename(std::string_view name) {
  if (record_) record_->name = name;
}

void Span::set(Attribute attribute, std::int64_t value) {
  if (record_) record_->attributes.push_back({name_of(attribute), value});
}

void Span::set(Attribute attribute, std::string_view word) {
  if (record_ && !word.empty() && is_word(word))
    record_->attributes.push_back({name_of(attribute), std::string(word)});
}

void Span::link(const SpanContext& other) {
  if (record_ && record_->links.size() < links_max) record_->links.push_back(other);
}

void Span::fail(std::string_view code) {
  if (record_) record_->error = is_word(code) && !code.empty() ? code : "error";
}

void Span::end() {
  if (record_) end_at(clock_->now());
}

void Span::end_at(Timestamp end) {
  if (!record_) return;
  record_->end = std::max(end, record_->start);
  sink_->take(std::move(*record_));
  record_.reset();
}

void SharedSpan::end(Attribute attribute, std::string_view word) {
  const std::lock_guard lock(mutex_);
  span_.set(attribute, word);
  span_.end();
}

SharedSpan::~SharedSpan() { span_.fail("no_answer"); }

Tracer::Tracer(const Clock& clock, IdSource& ids, SpanSink& sink, double ratio)
    : clock_(&clock),
      ids_(&ids),
      sink_(&sink),
      below_(static_cast<std::uint64_t>(
          std::llround(std::clamp(ratio, 0.0, 1.0) * static_cast<double>(random_bits)))) {}

/// By the trace's own random bits, so that all who see it choose alike.
bool Tracer::is_chosen(const TraceId& trace) const {
  std::uint64_t random = 0;
  for (std::size_t at = 9; at < trace.size(); ++at) random = random << 8U | trace[at];
  return random < below_;
}

bool Tracer::is_sampled(std::string_view traceparent) {
  return traceparent.size() == flags_at + 2 &&
         (static_cast<unsigned>(digit(traceparent[flags_at + 1])) & 1U) != 0;
}

Span Tracer::enter(std::string& traceparent, Timestamp start, SpanKind kind) const {
  STOA_ASSERT(is_on());
  SpanRecord record;
  record.kind = kind;
  record.start = start;
  if (const auto parent = context_of(traceparent)) {
    record.context = *parent;
    record.parent = parent->span;
  } else {
    record.context.trace = ids_->next();
    record.context.sampled = is_chosen(record.context.trace);
  }
  record.context.span = new_span(*ids_);
  traceparent = to_traceparent(record.context);
  return record.context.sampled ? Span(std::move(record), *sink_, *clock_) : Span();
}

Span Tracer::begin(std::string_view name, SpanKind kind, std::string_view traceparent) const {
  const auto parent = context_of(traceparent);
  return parent ? child(name, kind, *parent, clock_->now()) : Span();
}

Span Tracer::child(std::string_view name, SpanKind kind, const SpanContext& parent,
                   Timestamp start) const {
  if (!is_on() || !parent.sampled) return {};
  SpanRecord record;
  record.context = {parent.trace, new_span(*ids_), true};
  record.parent = parent.span;
  record.name = name;
  record.kind = kind;
  record.start = start;
  return {std::move(record), *sink_, *clock_};
}

std::optional<SpanContext> context_of(std::string_view traceparent) {
  if (!parse_traceparent(traceparent)) return std::nullopt;
  SpanContext context;
  read_hex(traceparent.substr(3, 32), context.trace);
  read_hex(traceparent.substr(36, 16), context.span);
  context.sampled = Tracer::is_sampled(traceparent);
  return context;
}

TraceId trace_of(std::string_view trace_id) {
  TraceId trace{};
  const auto is_digit = [](char c) {
    return std::string_view("0123456789abcdef").find(c) != std::string_view::npos;
  };
  if (trace_id.size() == 2 * trace.size() && std::ranges::all_of(trace_id, is_digit))
    read_hex(trace_id, trace);
  return trace;
}

std::string to_traceparent(const SpanContext& context) {
  return "00-" + to_hex(context.trace) + "-" + to_hex(context.span) +
         (context.sampled ? "-01" : "-00");
}

}  // namespace stoa::telemetry
