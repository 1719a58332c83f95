#pragma once

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
  /// Read when it is asked for; from any thread.
  void gauge(std::string name, std::function<double()> read, std::string labels = {});
  /// A gauge that only grows.
  void counter(std::string name, std::function<double()> read);
  /// The text format 0.0.4.
  [[nodiscard]] std::string text() const;
  /// The same figures, in the same order.
  [[nodiscard]] std::vector<MetricPoint> points() const;

 private:
  struct Histogram {
    std::vector<double> bounds_s;
    std::vector<std::uint64_t> buckets;
    double sum = 0;
    std::uint64_t count = 0;
  };
  using Labelled = std::pair<std::string, std::string>;
  struct Callback {
    MetricPoint::Kind kind;
    std::function<double()> read;
  };

  mutable std::mutex mutex_;
  std::map<Labelled, double> counters_;
  std::map<Labelled, Histogram> histograms_;
  std::map<Labelled, Callback> callbacks_;
  std::map<std::string, std::vector<double>, std::less<>> bounds_s_;
};

}  // namespace stoa::telemetry
