#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/telemetry/exporter.hpp"

namespace stoa::telemetry {

/// `name="value"` with the escapes of Prometheus.
std::string label(std::string_view name, std::string_view value);

/// A figure that grows. Thread-safe.
class Counter {
 public:
  void add(double by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// How often it took how long. Thread-safe.
class Histogram {
 public:
  /// With the upper bounds of its buckets, in seconds and rising.
  explicit Histogram(std::vector<double> bounds_s);
  void observe(double seconds);
  [[nodiscard]] MetricPoint point(std::string name, std::string labels) const;

 private:
  const std::vector<double> bounds_s_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> counts_;  ///< of each bucket alone, the last one beyond all bounds
  double sum_ = 0;
};

/// Figures for Prometheus. Thread-safe. Names follow its conventions: base units, `_total`.
class Metrics {
 public:
  /// `labels` as Prometheus writes them, `route="/v1/orders",status="200"`; few combinations only.
  void count(std::string_view name, std::string_view labels, double by = 1);
  /// The upper bounds, in seconds and rising, of a histogram that is not about requests. Before its
  /// first observation.
  void buckets(std::string name, std::vector<double> bounds_s);
  /// Into a histogram of seconds; without `buckets` from half a millisecond to ten seconds.
  void observe(std::string_view name, std::string_view labels, double seconds);
  /// What `count` and `observe` look up, for who comes often; as long as this lives.
  [[nodiscard]] Counter& counter_of(std::string_view name, std::string_view labels);
  [[nodiscard]] Histogram& histogram_of(std::string_view name, std::string_view labels);
  /// Read when it is asked for; from any thread.
  void gauge(std::string name, std::function<double()> read, std::string labels = {});
  /// A gauge that only grows.
  void counter(std::string name, std::function<double()> read);
  /// The text format 0.0.4.
  [[nodiscard]] std::string text() const;
  /// The same figures, in the same order.
  [[nodiscard]] std::vector<MetricPoint> points() const;

 private:
  using Labelled = std::pair<std::string, std::string>;
  struct Callback {
    MetricPoint::Kind kind;
    std::function<double()> read;
  };

  mutable std::mutex mutex_;
  std::map<Labelled, Counter> counters_;
  std::map<Labelled, Histogram> histograms_;
  std::map<Labelled, Callback> callbacks_;
  std::map<std::string, std::vector<double>, std::less<>> bounds_s_;
};

}  // namespace stoa::telemetry
