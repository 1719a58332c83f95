#include "kernel/telemetry/zipkin.hpp"

#include <algorithm>

#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::telemetry {
namespace {

std::string_view kind_of(SpanKind kind) {
  switch (kind) {
    case SpanKind::server:
      return "SERVER";
    case SpanKind::client:
      return "CLIENT";
    case SpanKind::producer:
      return "PRODUCER";
    case SpanKind::consumer:
      return "CONSUMER";
    case SpanKind::internal:
      break;
  }
  return {};
}

void write_member(json::Writer& w, std::string_view name, std::string_view text) {
  if (!w.out.ends_with('{')) w.out += ',';
  w.text(name);
  w.out += ':';
  w.text(text);
}

void write_tags(json::Writer& w, const SpanRecord& span) {
  w.out += R"(,"tags":{)";
  for (const auto& [name, value] : span.attributes) {
    const auto* number = std::get_if<std::int64_t>(&value);
    write_member(w, name,
                 number != nullptr ? std::to_string(*number) : std::get<std::string>(value));
  }
  if (!span.links.empty()) write_member(w, "stoa.links", std::to_string(span.links.size()));
  if (!span.error.empty()) write_member(w, "error", span.error);
  w.out += '}';
}

void write_span(json::Writer& w, const SpanRecord& span, std::string_view service) {
  w.out += '{';
  write_member(w, "traceId", to_hex(span.context.trace));
  write_member(w, "id", to_hex(span.context.span));
  if (std::ranges::any_of(span.parent, [](auto byte) { return byte != 0; }))
    write_member(w, "parentId", to_hex(span.parent));
  write_member(w, "name", span.name);
  if (const auto kind = kind_of(span.kind); !kind.empty()) write_member(w, "kind", kind);
  w.out += R"(,"timestamp":)";
  w.integer(to_unix_microseconds(span.start));
  w.out += R"(,"duration":)";
  w.integer(std::max<std::int64_t>(1, (span.end - span.start).count()));
  w.out += R"(,"localEndpoint":{)";
  write_member(w, "serviceName", service);
  w.out += '}';
  write_tags(w, span);
  w.out += '}';
}

}  // namespace

std::string zipkin_json(const std::vector<SpanRecord>& spans, std::string_view service) {
  json::Writer w;
  w.out = "[";
  for (const auto& span : spans) {
    if (w.out.size() > 1) w.out += ',';
    write_span(w, span, service);
  }
  w.out += ']';
  return std::move(w.out);
}

}  // namespace stoa::telemetry
