#include "main/telemetry.hpp"

#include "kernel/telemetry/zipkin.hpp"
#include "platform/curl/http_client.hpp"
#include "platform/otlp/otlp.hpp"

namespace stoa {
namespace {

/// To Zipkin's own API. It takes spans alone.
class ZipkinExporter final : public telemetry::Exporter {
 public:
  ZipkinExporter(http::Client& http, std::string url, std::string service)
      : http_(http), url_(std::move(url)), service_(std::move(service)) {
    while (url_.ends_with('/')) url_.pop_back();
    if (!url_.ends_with("/api/v2/spans")) url_ += "/api/v2/spans";
  }

  bool send(const std::vector<telemetry::SpanRecord>& spans) override {
    http::OutboundRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers = {{"Content-Type", "application/json"}};
    request.body = telemetry::zipkin_json(spans, service_);
    request.timeout = std::chrono::milliseconds(2'000);
    const auto answer = http_.send(request);
    return answer && answer->status / 100 == 2;
  }
  bool send(const std::vector<telemetry::LogRecord>&) override { return true; }
  bool send(const std::vector<telemetry::MetricPoint>&, Timestamp, Timestamp) override {
    return true;
  }

 private:
  http::Client& http_;
  std::string url_;
  std::string service_;
};

}  // namespace

/// Every collector gets every span.
class Telemetry::Fan final : public telemetry::SpanSink {
 public:
  explicit Fan(const std::vector<std::unique_ptr<telemetry::Pipeline>>& to) : to_(to) {}
  void take(telemetry::SpanRecord span) noexcept override {
    for (std::size_t at = 1; at < to_.size(); ++at) to_[at]->take(span);
    to_.front()->take(std::move(span));
  }

 private:
  const std::vector<std::unique_ptr<telemetry::Pipeline>>& to_;
};

Telemetry::Telemetry(const Configuration& configuration, const Clock& clock, IdSource& ids,
                     telemetry::Metrics& metrics, telemetry::Log& log)
    : log_(log) {
  const auto& service = configuration.text("Telemetry:ServiceName");
  telemetry::PipelineOptions options;
  options.interval = std::chrono::milliseconds(configuration.integer("Telemetry:IntervalMs"));
  options.metrics_interval =
      std::chrono::milliseconds(configuration.integer("Telemetry:MetricsIntervalMs"));
  if (const auto& endpoint = configuration.text("Telemetry:OtlpEndpoint"); !endpoint.empty()) {
    otlp::OtlpOptions to{.endpoint = endpoint,
                         .headers = configuration.text("Telemetry:OtlpHeaders"),
                         .service = service,
                         .version = STOA_VERSION,
                         .json = configuration.text("Telemetry:OtlpProtocol") == "json"};
    options.name = "otlp";
    pipelines_.push_back(std::make_unique<telemetry::Pipeline>(otlp::make_otlp_exporter(to), clock,
                                                               metrics, log, options));
    log_.copy_to(pipelines_.back().get());
  }
  if (const auto& endpoint = configuration.text("Telemetry:ZipkinEndpoint"); !endpoint.empty()) {
    http_ = curl::make_http_client({});
    options.name = "zipkin";
    options.sends_metrics = false;
    pipelines_.push_back(std::make_unique<telemetry::Pipeline>(
        std::make_unique<ZipkinExporter>(*http_, endpoint, service), clock, metrics, log, options));
  }
  if (pipelines_.empty()) return;
  fan_ = std::make_unique<Fan>(pipelines_);
  tracer_ = telemetry::Tracer(clock, ids, *fan_, configuration.ratio("Telemetry:SampleRatio"));
}

Telemetry::~Telemetry() {
  stop();
  log_.copy_to(nullptr);
}

void Telemetry::start() {
  for (auto& pipeline : pipelines_) pipeline->start();
}

void Telemetry::stop() {
  for (auto& pipeline : pipelines_) pipeline->stop();
}

telemetry::Level log_level(const Configuration& configuration) {
  const auto& level = configuration.text("Logging:Level");
  if (level == "debug") return telemetry::Level::debug;
  if (level == "warning") return telemetry::Level::warning;
  return level == "error" ? telemetry::Level::error : telemetry::Level::information;
}

}  // namespace stoa
