#include <gtest/gtest.h>

#include "kernel/base/text.hpp"
#include "kernel/telemetry/log.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "kernel/telemetry/trace.hpp"

namespace stoa::telemetry {
namespace {

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class FixedClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return {}; }
};

TEST(Traceparent, WellFormedIsKept) {
  EXPECT_EQ(parse_traceparent(parent), parent);
  EXPECT_EQ(trace_id_of(parent), "0af7651916cd43dd8448eb211c80319c");
}

TEST(Traceparent, LaterVersionIsReadAsThisOne) {
  EXPECT_EQ(parse_traceparent("cc" + parent.substr(2) + "-more"), parent);
  EXPECT_EQ(parse_traceparent("cc" + parent.substr(2)), parent);
}

TEST(Traceparent, IllFormedIsRefused) {
  const std::vector<std::string> bad{"",
                                     "00",
                                     parent + "-",
                                     parent + "x",
                                     "cc" + parent.substr(2) + "x",
                                     "ff" + parent.substr(2),
                                     "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                     "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                     "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                     "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g"};
  for (const auto& text : bad) EXPECT_FALSE(parse_traceparent(text)) << text;
}

TEST(Traceparent, NewOnesAreWellFormedAndDiffer) {
  const SystemClock clock;
  const auto ids = make_uuid_v7_source(clock);
  const auto one = make_traceparent(*ids);
  const auto other = make_traceparent(*ids);
  EXPECT_EQ(parse_traceparent(one), one);
  EXPECT_NE(trace_id_of(one), trace_id_of(other));
}

TEST(Metrics, TextFormat) {
  Metrics metrics;
  metrics.count("a_total", label("route", "/x") + "," + label("status", "200"));
  metrics.count("a_total", label("route", "/x") + "," + label("status", "200"), 12'345'678'901);
  metrics.count("b_total", label("name", "q\"\\\n"), 0.5);
  metrics.gauge("waiting", [&metrics] {
    metrics.count("read_total", "");  // a callback may come back here
    return 3.0;
  });
  metrics.gauge("head", [] { return 7.0; }, label("service", "a"));
  metrics.gauge("head", [] { return 8.0; }, label("service", "b"));
  metrics.observe("seconds", "", 0.02);
  metrics.buckets("days_seconds", {60, 86'400});
  metrics.observe("days_seconds", label("a", "b"), 3'600);
  const auto text = metrics.text();
  const auto has = [&](std::string_view line) { return text.find(line) != std::string::npos; };
  EXPECT_TRUE(has("# TYPE a_total counter\na_total{route=\"/x\",status=\"200\"} 12345678902\n"));
  EXPECT_TRUE(has("b_total{name=\"q\\\"\\\\\\n\"} 0.5\n"));
  EXPECT_TRUE(has("# TYPE waiting gauge\nwaiting 3\n"));
  EXPECT_TRUE(has("# TYPE head gauge\nhead{service=\"a\"} 7\nhead{service=\"b\"} 8\n"));
  EXPECT_TRUE(
      has("days_seconds_bucket{a=\"b\",le=\"60\"} 0\n"
          "days_seconds_bucket{a=\"b\",le=\"86400\"} 1\n"
          "days_seconds_bucket{a=\"b\",le=\"+Inf\"} 1\n"));
  EXPECT_TRUE(has("# TYPE seconds histogram\n"));
  EXPECT_TRUE(has("seconds_bucket{le=\"0.01\"} 0\nseconds_bucket{le=\"0.025\"} 1\n"));
  EXPECT_TRUE(has("seconds_bucket{le=\"+Inf\"} 1\nseconds_sum 0.02\nseconds_count 1\n"));
}

TEST(Metrics, WhoHoldsAFigure_AddsToTheSame) {
  Metrics metrics;
  auto& counter = metrics.counter_of("a_total", "b=\"c\"");
  auto& histogram = metrics.histogram_of("seconds", "");
  metrics.count("a_total", "b=\"c\"");
  metrics.observe("seconds", "", 0.0007);
  metrics.count("other_total", "");
  counter.add(2.5);
  for (const double seconds : {0.001, 0.0011, 10.0, 11.0}) histogram.observe(seconds);
  EXPECT_EQ(&counter, &metrics.counter_of("a_total", "b=\"c\""));
  const auto text = metrics.text();
  const auto has = [&](std::string_view line) { return text.find(line) != std::string::npos; };
  EXPECT_TRUE(has("a_total{b=\"c\"} 3.5\n"));
  EXPECT_TRUE(has("seconds_bucket{le=\"0.0005\"} 0\nseconds_bucket{le=\"0.001\"} 2\n"));
  EXPECT_TRUE(has("seconds_bucket{le=\"0.0025\"} 3\n"));
  EXPECT_TRUE(has("seconds_bucket{le=\"10\"} 4\nseconds_bucket{le=\"+Inf\"} 5\n"));
  EXPECT_TRUE(has("seconds_count 5\n"));
}

TEST(Log, SaysWhichLevelsItTakes) {
  const FixedClock clock;
  const Log log(clock, Level::information);
  EXPECT_FALSE(log.takes(Level::debug));
  EXPECT_TRUE(log.takes(Level::information));
  EXPECT_TRUE(log.takes(Level::error));
}

TEST(Log, OneJsonObjectALine_CutAtACharacter) {
  const FixedClock clock;
  Log log(clock, Level::information);
  testing::internal::CaptureStderr();
  log.write(Level::debug, "not this");
  log.write(Level::warning, "a\nb", {{"request_id", "r1"}, {"empty", ""}});
  std::string accents = "x";  // each é is two bytes: the limit falls inside of one
  while (accents.size() < 10'000) accents += "é";
  log.write(Level::error, accents);
  const auto text = testing::internal::GetCapturedStderr();
  const auto end = text.find('\n');
  EXPECT_EQ(text.substr(0, end),
            R"({"time":"1970-01-01T00:00:00.000000Z","level":"warning","message":"a\nb",)"
            R"("request_id":"r1"})");
  EXPECT_LT(text.size() - end, 4300U);
  EXPECT_TRUE(is_utf8(text));
}

}  // namespace
}  // namespace stoa::telemetry
