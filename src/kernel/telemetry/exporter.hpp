#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/base/clock.hpp"

namespace stoa::telemetry {

enum class Level { debug, information, warning, error };

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

/// A span's place, as W3C Trace Context carries it.
struct SpanContext {
  TraceId trace{};
  SpanId span{};
  bool sampled = false;
};

enum class SpanKind { internal, server, client, producer, consumer };

struct SpanAttribute {
  std::string_view name;  ///< of static storage
  std::variant<std::int64_t, std::string> value;
};

/// A span that has ended.
struct SpanRecord {
  SpanContext context;
  SpanId parent{};  ///< all zero: the first of its trace
  std::string name;
  SpanKind kind = SpanKind::internal;
  Timestamp start, end;
  std::vector<SpanAttribute> attributes;
  std::vector<SpanContext> links;
  std::string error;  ///< a stable code; empty when it went well
};

struct LogRecord {
  Timestamp time;
  Level level = Level::information;
  std::string message;
  std::vector<std::pair<std::string, std::string>> members;
  TraceId trace{};  ///< all zero: of no trace
};

struct MetricPoint {
  enum class Kind { gauge, counter, histogram };
  std::string name;
  std::string labels;  ///< as Prometheus writes them
  Kind kind = Kind::gauge;
  double value = 0;                   ///< of a histogram its sum
  std::vector<double> bounds_s;       ///< of a histogram: upper bounds, rising
  std::vector<std::uint64_t> counts;  ///< of a histogram: at most each bound, all smaller ones too
  std::uint64_t count = 0;            ///< of a histogram: all observations
};

/// Where telemetry goes. Blocking, with a deadline of its own; called on one thread. False: it did
/// not arrive.
class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual bool send(const std::vector<SpanRecord>& spans) = 0;
  virtual bool send(const std::vector<LogRecord>& records) = 0;
  /// Counters and histograms count from `since`.
  virtual bool send(const std::vector<MetricPoint>& points, Timestamp since, Timestamp now) = 0;
};

}  // namespace stoa::telemetry
