#include "kernel/telemetry/pipeline.hpp"

#include <gtest/gtest.h>

#include <future>

namespace stoa::telemetry {
namespace {

/// What a collector would have got, and a switch for its answer.
struct Collector {
  std::mutex mutex;
  std::size_t spans = 0, logs = 0, points = 0;
  int refusals = 0;  ///< still to come
  int requests = 0;
  std::promise<void> first;

  bool take(std::size_t& counter, std::size_t size) {
    const std::lock_guard lock(mutex);
    if (++requests == 1) first.set_value();
    if (refusals > 0) return --refusals, false;
    counter += size;
    return true;
  }
};

class ToCollector final : public Exporter {
 public:
  explicit ToCollector(Collector& to) : to_(to) {}
  bool send(const std::vector<SpanRecord>& spans) override {
    return to_.take(to_.spans, spans.size());
  }
  bool send(const std::vector<LogRecord>& records) override {
    return to_.take(to_.logs, records.size());
  }
  bool send(const std::vector<MetricPoint>& points, Timestamp, Timestamp) override {
    return to_.take(to_.points, points.size());
  }

 private:
  Collector& to_;
};

struct PipelineTest : testing::Test {
  SystemClock clock;
  Metrics metrics;
  Log log{clock, Level::error};
  Collector collector;

  std::unique_ptr<Pipeline> make(PipelineOptions options) {
    options.name = "test";
    return std::make_unique<Pipeline>(std::make_unique<ToCollector>(collector), clock, metrics, log,
                                      options);
  }
  [[nodiscard]] double figure(const std::string& what) const {
    for (const auto& point : metrics.points())
      if (point.name == "stoa_telemetry_" + what + "_total") return point.value;
    return 0;
  }
};

TEST_F(PipelineTest, WhatWaitsIsSentWhenItStops) {
  const auto pipeline = make({.interval = std::chrono::hours(1)});
  pipeline->start();
  for (int i = 0; i < 1'000; ++i) pipeline->take(SpanRecord{});
  pipeline->take(LogRecord{});
  pipeline->stop();
  EXPECT_EQ(collector.spans, 1'000U);
  EXPECT_EQ(collector.logs, 1U);
  EXPECT_GT(collector.points, 0U);
  EXPECT_EQ(figure("sent"), 1'001);
}

TEST_F(PipelineTest, WhatDoesNotFitIsDroppedAndCounted) {
  const auto pipeline = make({.interval = std::chrono::hours(1), .queue_max = 10});
  for (int i = 0; i < 25; ++i) pipeline->take(SpanRecord{});
  pipeline->start();
  pipeline->stop();
  EXPECT_EQ(collector.spans, 10U);
  EXPECT_EQ(figure("dropped"), 15);
}

TEST_F(PipelineTest, ARefusedBatchIsSentAgain) {
  collector.refusals = 1;
  const auto pipeline = make({.interval = std::chrono::milliseconds(1), .sends_metrics = false});
  pipeline->take(SpanRecord{});
  pipeline->start();
  collector.first.get_future().wait();
  pipeline->stop();  // within its pause: the last words try once more
  EXPECT_EQ(collector.spans, 1U);
  EXPECT_EQ(figure("dropped"), 0);
}

TEST_F(PipelineTest, ABatchThatIsRefusedTooOftenIsGivenUpAndCounted) {
  collector.refusals = 1'000;
  const auto pipeline =
      make({.interval = std::chrono::milliseconds(1), .attempts_max = 1, .sends_metrics = false});
  for (int i = 0; i < 5; ++i) pipeline->take(SpanRecord{});
  pipeline->start();
  collector.first.get_future().wait();
  pipeline->stop();
  EXPECT_EQ(figure("dropped"), 5);
  EXPECT_EQ(figure("failures"), 1);
  EXPECT_EQ(collector.spans, 0U);
}

TEST_F(PipelineTest, ACollectorThatRefusesTheLastWordsIsNotAskedTwice) {
  collector.refusals = 1'000;
  const auto pipeline = make({.interval = std::chrono::hours(1)});
  for (int i = 0; i < 5'000; ++i) pipeline->take(SpanRecord{});
  pipeline->start();
  pipeline->stop();
  EXPECT_EQ(collector.requests, 1);
}

}  // namespace
}  // namespace stoa::telemetry
