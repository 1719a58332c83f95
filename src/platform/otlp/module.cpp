// The one file that knows opentelemetry-cpp: libstoa_otlp.so.
#include <opentelemetry/exporters/otlp/otlp_http_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_options.h>
#include <opentelemetry/exporters/otlp/otlp_http_log_record_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_log_record_exporter_options.h>
#include <opentelemetry/exporters/otlp/otlp_http_metric_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_metric_exporter_options.h>
#include <opentelemetry/logs/severity.h>
#include <opentelemetry/sdk/common/global_log_handler.h>
#include <opentelemetry/sdk/instrumentationscope/instrumentation_scope.h>
#include <opentelemetry/sdk/logs/exporter.h>
#include <opentelemetry/sdk/logs/recordable.h>
#include <opentelemetry/sdk/metrics/export/metric_producer.h>
#include <opentelemetry/sdk/metrics/push_metric_exporter.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/recordable.h>
#include <opentelemetry/trace/span_context.h>

#include <algorithm>
#include <atomic>

#include "platform/otlp/otlp.hpp"

namespace stoa::otlp {
namespace {

namespace otel = opentelemetry;
namespace sdk = opentelemetry::sdk;
namespace exporter = opentelemetry::exporter::otlp;
using telemetry::LogRecord;
using telemetry::MetricPoint;
using telemetry::SpanRecord;

/// Debian's library sends asynchronously: `Export` says success before the collector has answered,
/// and what it answered goes to the library's log alone. So errors are counted there; their texts,
/// which hold answers and addresses, are not kept.
class ErrorCount final : public sdk::common::internal_log::LogHandler {
 public:
  void Handle(sdk::common::internal_log::LogLevel level, const char* /*file*/, int /*line*/,
              const char* /*text*/, const sdk::common::AttributeMap& /*more*/) noexcept override {
    if (level == sdk::common::internal_log::LogLevel::Error) ++errors;
  }
  static inline std::atomic<std::uint64_t> errors = 0;
};

otel::trace::SpanContext context_of(const telemetry::SpanContext& context) {
  return {otel::trace::TraceId(context.trace), otel::trace::SpanId(context.span),
          otel::trace::TraceFlags(context.sampled ? 1 : 0), false};
}

otel::trace::SpanKind kind_of(telemetry::SpanKind kind) {
  using From = telemetry::SpanKind;
  using To = otel::trace::SpanKind;
  switch (kind) {
    case From::server:
      return To::kServer;
    case From::client:
      return To::kClient;
    case From::producer:
      return To::kProducer;
    case From::consumer:
      return To::kConsumer;
    case From::internal:
      break;
  }
  return To::kInternal;
}

otel::logs::Severity severity_of(telemetry::Level level) {
  constexpr otel::logs::Severity severities[] = {
      otel::logs::Severity::kDebug, otel::logs::Severity::kInfo, otel::logs::Severity::kWarn,
      otel::logs::Severity::kError};
  return severities[static_cast<std::size_t>(level)];
}

otel::common::SystemTimestamp time_of(Timestamp time) {
  return otel::common::SystemTimestamp(time.time_since_epoch());
}

otel::nostd::string_view view(std::string_view text) { return {text.data(), text.size()}; }

exporter::OtlpHeaders headers_of(std::string_view text) {
  exporter::OtlpHeaders headers;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos)
      headers.emplace(std::string(pair.substr(0, equals)), std::string(pair.substr(equals + 1)));
  }
  return headers;
}

/// `name="value",name="value"` with the escapes of Prometheus.
void add_labels(std::string_view text, sdk::metrics::PointAttributes& attributes) {
  while (!text.empty()) {
    const auto equals = text.find("=\"");
    if (equals == std::string_view::npos) return;
    const std::string name(text.substr(0, equals));
    std::string value;
    std::size_t at = equals + 2;
    for (; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      value += text[at - 1] == '\\' && text[at] == 'n' ? '\n' : text[at];
    }
    attributes.SetAttribute(name, value);
    text.remove_prefix(std::min(at + 2, text.size()));  // the quote and the comma
  }
}

class OtlpExporter final : public telemetry::Exporter {
 public:
  explicit OtlpExporter(const OtlpOptions& options)
      : timeout_(options.timeout),
        resource_(sdk::resource::Resource::Create(
            {{"service.name", options.service}, {"service.version", options.version}})),
        scope_(sdk::instrumentationscope::InstrumentationScope::Create("stoa", options.version)),
        traces_(exporter::OtlpHttpExporterFactory::Create(
            filled<exporter::OtlpHttpExporterOptions>(options, "/v1/traces"))),
        logs_(exporter::OtlpHttpLogRecordExporterFactory::Create(
            filled<exporter::OtlpHttpLogRecordExporterOptions>(options, "/v1/logs"))),
        metrics_(exporter::OtlpHttpMetricExporterFactory::Create(
            filled<exporter::OtlpHttpMetricExporterOptions>(options, "/v1/metrics"))) {}

  bool send(const std::vector<SpanRecord>& spans) override {
    std::vector<std::unique_ptr<sdk::trace::Recordable>> recordables;
    recordables.reserve(spans.size());
    for (const auto& span : spans) recordables.push_back(recordable_of(span));
    return is_taken(*traces_, otel::nostd::span(recordables.data(), recordables.size()));
  }

  bool send(const std::vector<LogRecord>& records) override {
    std::vector<std::unique_ptr<sdk::logs::Recordable>> recordables;
    recordables.reserve(records.size());
    for (const auto& record : records) recordables.push_back(recordable_of(record));
    return is_taken(*logs_, otel::nostd::span(recordables.data(), recordables.size()));
  }

  bool send(const std::vector<MetricPoint>& points, Timestamp since, Timestamp now) override {
    std::vector<sdk::metrics::MetricData> data;
    for (const auto& point : points) {
      if (data.empty() || data.back().instrument_descriptor.name_ != point.name)
        data.push_back(metric_of(point, since, now));
      data.back().point_data_attr_.push_back(value_of(point, now));
    }
    std::vector<sdk::metrics::ScopeMetrics> scopes;
    scopes.emplace_back(scope_.get(), std::move(data));
    const sdk::metrics::ResourceMetrics all(&resource_, std::move(scopes));
    return is_taken(*metrics_, all);
  }

 private:
  template <class Options>
  static Options filled(const OtlpOptions& from, const std::string& path) {
    Options options;
    options.url = from.endpoint;
    while (options.url.ends_with('/')) options.url.pop_back();
    options.url += path;
    options.content_type = from.json ? exporter::HttpRequestContentType::kJson
                                     : exporter::HttpRequestContentType::kBinary;
    options.json_bytes_mapping = exporter::JsonBytesMappingKind::kHexId;
    options.use_json_name = true;
    options.console_debug = false;
    options.timeout = from.timeout;
    options.http_headers = headers_of(from.headers);
    options.compression = "none";
    options.retry_policy_max_attempts = 1;  // the pipeline has its own
    return options;
  }

  /// Sends, and waits for the collector's answer. Of one thread.
  template <class Exporter, class Batch>
  bool is_taken(Exporter& exporter, const Batch& batch) const {
    const auto errors = ErrorCount::errors.load();
    return exporter.Export(batch) == sdk::common::ExportResult::kSuccess &&
           exporter.ForceFlush(timeout_) && ErrorCount::errors.load() == errors;
  }

  [[nodiscard]] std::unique_ptr<sdk::trace::Recordable> recordable_of(
      const SpanRecord& span) const {
    auto to = traces_->MakeRecordable();
    to->SetIdentity(context_of(span.context), otel::trace::SpanId(span.parent));
    to->SetTraceFlags(otel::trace::TraceFlags(1));
    to->SetName(view(span.name));
    to->SetSpanKind(kind_of(span.kind));
    to->SetStartTime(time_of(span.start));
    to->SetDuration(span.end - span.start);
    to->SetResource(resource_);
    to->SetInstrumentationScope(*scope_);
    for (const auto& [name, value] : span.attributes) {
      if (const auto* number = std::get_if<std::int64_t>(&value))
        to->SetAttribute(view(name), *number);
      else
        to->SetAttribute(view(name), view(std::get<std::string>(value)));
    }
    for (const auto& link : span.links)
      to->AddLink(context_of(link), otel::common::NoopKeyValueIterable());
    if (!span.error.empty()) {
      to->SetStatus(otel::trace::StatusCode::kError, "");
      to->SetAttribute("error.type", view(span.error));
    }
    return to;
  }

  [[nodiscard]] std::unique_ptr<sdk::logs::Recordable> recordable_of(
      const LogRecord& record) const {
    auto to = logs_->MakeRecordable();
    to->SetTimestamp(time_of(record.time));
    to->SetObservedTimestamp(time_of(record.time));
    to->SetSeverity(severity_of(record.level));
    to->SetBody(view(record.message));
    to->SetResource(resource_);
    to->SetInstrumentationScope(*scope_);
    for (const auto& [name, value] : record.members) to->SetAttribute(view(name), view(value));
    if (std::ranges::any_of(record.trace, [](auto byte) { return byte != 0; }))
      to->SetTraceId(otel::trace::TraceId(record.trace));
    return to;
  }

  static sdk::metrics::MetricData metric_of(const MetricPoint& point, Timestamp since,
                                            Timestamp now) {
    using Kind = MetricPoint::Kind;
    sdk::metrics::MetricData data;
    auto type = sdk::metrics::InstrumentType::kCounter;
    if (point.kind == Kind::gauge) type = sdk::metrics::InstrumentType::kObservableGauge;
    if (point.kind == Kind::histogram) type = sdk::metrics::InstrumentType::kHistogram;
    data.instrument_descriptor = {point.name, "", point.kind == Kind::histogram ? "s" : "", type,
                                  sdk::metrics::InstrumentValueType::kDouble};
    data.aggregation_temporality = sdk::metrics::AggregationTemporality::kCumulative;
    data.start_ts = time_of(since);
    data.end_ts = time_of(now);
    return data;
  }

  static sdk::metrics::PointDataAttributes value_of(const MetricPoint& point, Timestamp now) {
    sdk::metrics::PointDataAttributes to;
    add_labels(point.labels, to.attributes);
    if (point.kind == MetricPoint::Kind::gauge) {
      sdk::metrics::LastValuePointData value;
      value.value_ = point.value;
      value.is_lastvalue_valid_ = true;
      value.sample_ts_ = time_of(now);
      to.point_data = value;
    } else if (point.kind == MetricPoint::Kind::counter) {
      sdk::metrics::SumPointData value;
      value.value_ = point.value;
      to.point_data = value;
    } else {
      to.point_data = histogram_of(point);
    }
    return to;
  }

  /// Prometheus counts what is at most a bound, OTLP what is between two of them.
  static sdk::metrics::HistogramPointData histogram_of(const MetricPoint& point) {
    sdk::metrics::HistogramPointData value;
    value.boundaries_ = point.bounds_s;
    value.sum_ = point.value;
    value.count_ = point.count;
    value.record_min_max_ = false;
    std::uint64_t below = 0;
    for (const auto count : point.counts) {
      value.counts_.push_back(count - below);
      below = count;
    }
    value.counts_.push_back(point.count - below);
    return value;
  }

  std::chrono::microseconds timeout_;
  sdk::resource::Resource resource_;
  std::unique_ptr<sdk::instrumentationscope::InstrumentationScope> scope_;
  std::unique_ptr<sdk::trace::SpanExporter> traces_;
  std::unique_ptr<sdk::logs::LogRecordExporter> logs_;
  std::unique_ptr<sdk::metrics::PushMetricExporter> metrics_;
};

}  // namespace
}  // namespace stoa::otlp

/// The library's own log would print answers and addresses to standard error: Stoa says what
/// matters in its own.
extern "C" __attribute__((visibility("default"))) stoa::telemetry::Exporter*
stoa_make_otlp_exporter(const stoa::otlp::OtlpOptions& options) {
  using namespace opentelemetry::sdk::common::internal_log;
  GlobalLogHandler::SetLogHandler(
      opentelemetry::nostd::shared_ptr<LogHandler>(new stoa::otlp::ErrorCount));
  return new stoa::otlp::OtlpExporter(options);
}
