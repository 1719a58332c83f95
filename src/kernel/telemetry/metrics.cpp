#include "kernel/telemetry/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>

namespace stoa::telemetry {
namespace {

const std::vector<double>& request_bounds_s() {
  static const std::vector<double> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                          0.1,    0.25,  0.5,    1,     2.5,  5,     10};
  return bounds;
}

std::string number(double value) {
  constexpr double exact_max = 9007199254740992;  // 2^53
  char text[32];
  const bool whole = std::abs(value) < exact_max && std::trunc(value) == value;
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.10g", value);
  return text;
}

std::string braces(std::string_view labels) {
  return labels.empty() ? "" : "{" + std::string(labels) + "}";
}

}  // namespace

std::string label(std::string_view name, std::string_view value) {
  std::string text(name);
  text += "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    c == '\n' ? text += "\\n" : text += c;
  }
  return text += '"';
}

Histogram::Histogram(std::vector<double> bounds_s)
    : bounds_s_(std::move(bounds_s)), counts_(bounds_s_.size() + 1) {}

void Histogram::observe(double seconds) {
  const auto bucket = std::ranges::lower_bound(bounds_s_, seconds) - bounds_s_.begin();
  const std::lock_guard lock(mutex_);
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += seconds;
}

MetricPoint Histogram::point(std::string name, std::string labels) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> up_to(counts_.size());
  std::partial_sum(counts_.begin(), counts_.end(), up_to.begin());
  const auto all = up_to.back();
  up_to.pop_back();
  return {std::move(name),
          std::move(labels),
          MetricPoint::Kind::histogram,
          sum_,
          bounds_s_,
          std::move(up_to),
          all};
}

void Metrics::count(std::string_view name, std::string_view labels, double by) {
  counter_of(name, labels).add(by);
}

void Metrics::observe(std::string_view name, std::string_view labels, double seconds) {
  histogram_of(name, labels).observe(seconds);
}

Counter& Metrics::counter_of(std::string_view name, std::string_view labels) {
  const std::lock_guard lock(mutex_);
  return counters_[{std::string(name), std::string(labels)}];
}

Histogram& Metrics::histogram_of(std::string_view name, std::string_view labels) {
  const std::lock_guard lock(mutex_);
  const auto own = bounds_s_.find(name);
  const auto& bounds_s = own == bounds_s_.end() ? request_bounds_s() : own->second;
  return histograms_.try_emplace({std::string(name), std::string(labels)}, bounds_s).first->second;
}

void Metrics::buckets(std::string name, std::vector<double> bounds_s) {
  const std::lock_guard lock(mutex_);
  bounds_s_[std::move(name)] = std::move(bounds_s);
}

void Metrics::gauge(std::string name, std::function<double()> read, std::string labels) {
  const std::lock_guard lock(mutex_);
  callbacks_[{std::move(name), std::move(labels)}] = {MetricPoint::Kind::gauge, std::move(read)};
}

void Metrics::counter(std::string name, std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  callbacks_[{std::move(name), std::string()}] = {MetricPoint::Kind::counter, std::move(read)};
}

std::vector<MetricPoint> Metrics::points() const {
  using Kind = MetricPoint::Kind;
  std::vector<MetricPoint> points;
  std::unique_lock lock(mutex_);
  const auto callbacks = callbacks_;
  points.reserve(callbacks.size() + counters_.size() + histograms_.size());
  lock.unlock();  // a callback takes locks of its own
  for (const auto& [key, callback] : callbacks)
    points.push_back({key.first, key.second, callback.kind, callback.read(), {}, {}, 0});
  lock.lock();
  for (const auto& [key, value] : counters_)
    points.push_back({key.first, key.second, Kind::counter, value.value(), {}, {}, 0});
  for (const auto& [key, one] : histograms_) points.push_back(one.point(key.first, key.second));
  return points;
}

std::string Metrics::text() const {
  constexpr std::string_view types[] = {"gauge", "counter", "histogram"};
  std::string out;
  std::string last;
  const auto line = [&out](std::string_view name, std::string_view suffix, std::string_view labels,
                           const std::string& value) {
    out.append(name).append(suffix).append(braces(labels)).append(" ").append(value).append("\n");
  };
  for (const auto& point : points()) {
    const auto& name = point.name;
    if (name != last)
      out.append("# TYPE ").append(name).append(" ").append(
          types[static_cast<std::size_t>(point.kind)]) += "\n";
    last = name;
    if (point.kind != MetricPoint::Kind::histogram) {
      line(name, "", point.labels, number(point.value));
      continue;
    }
    const auto prefix = point.labels.empty() ? "" : point.labels + ",";
    for (std::size_t at = 0; at < point.counts.size(); ++at)
      line(name, "_bucket", prefix + label("le", number(point.bounds_s[at])),
           std::to_string(point.counts[at]));
    line(name, "_bucket", prefix + label("le", "+Inf"), std::to_string(point.count));
    line(name, "_sum", point.labels, number(point.value));
    line(name, "_count", point.labels, std::to_string(point.count));
  }
  return out;
}

}  // namespace stoa::telemetry
