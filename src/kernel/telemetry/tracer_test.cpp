#include "kernel/telemetry/tracer.hpp"

#include <gtest/gtest.h>

#include "kernel/telemetry/trace.hpp"
#include "kernel/telemetry/zipkin.hpp"

namespace stoa::telemetry {
namespace {

const std::string sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const std::string unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

struct Kept final : SpanSink {
  void take(SpanRecord span) noexcept override { spans.push_back(std::move(span)); }
  std::vector<SpanRecord> spans;
};

struct TracerTest : testing::Test {
  SystemClock clock;
  std::unique_ptr<IdSource> ids = make_uuid_v7_source(clock);
  Kept kept;
  Tracer all{clock, *ids, kept, 1};
  Tracer none{clock, *ids, kept, 0};
};

using TracerOff = TracerTest;

TEST_F(TracerOff, RecordsNothing) {
  const Tracer off;
  EXPECT_FALSE(off.start("x", SpanKind::internal, sampled));
  EXPECT_FALSE(off.child("x", SpanKind::internal, *context_of(sampled), clock.now()));
}

TEST_F(TracerTest, ATraceOfASampledParentIsJoined_WhateverTheRatio) {
  auto traceparent = sampled;
  none.enter(traceparent, clock.now()).end();
  ASSERT_EQ(kept.spans.size(), 1U);
  EXPECT_EQ(trace_id_of(traceparent), trace_id_of(sampled));
  EXPECT_NE(traceparent, sampled) << "what follows belongs below this span";
  EXPECT_EQ(kept.spans[0].parent, context_of(sampled)->span);
}

TEST_F(TracerTest, ATraceOfAnUnsampledParentIsPassedOnUnrecorded_WhateverTheRatio) {
  auto traceparent = unsampled;
  EXPECT_FALSE(all.enter(traceparent, clock.now()));
  EXPECT_EQ(trace_id_of(traceparent), trace_id_of(unsampled));
  EXPECT_FALSE(Tracer::is_sampled(traceparent));
  EXPECT_FALSE(all.start("x", SpanKind::internal, traceparent));
}

TEST_F(TracerTest, NewTracesAreSampledByRatio) {
  const Tracer half(clock, *ids, kept, 0.5);
  for (int i = 0; i < 2'000; ++i) {
    std::string traceparent;
    const auto span = half.enter(traceparent, clock.now());
    EXPECT_EQ(parse_traceparent(traceparent), traceparent);
    EXPECT_EQ(Tracer::is_sampled(traceparent), static_cast<bool>(span));
  }
  EXPECT_GT(kept.spans.size(), 800U);
  EXPECT_LT(kept.spans.size(), 1'200U);
  EXPECT_EQ(kept.spans[0].parent, SpanId{});
}

TEST_F(TracerTest, AnAttributeTakesNoFreeText) {
  auto span = all.start("x", SpanKind::internal, sampled);
  for (const auto* text : {"a@example.org", "Ada Lovelace", "1 Main St", "päth", "a?b=c"})
    span.set(Attribute::outcome, text);
  span.set(Attribute::outcome, std::string(65, 'x'));
  span.set(Attribute::http_route, "/v1/orders/{id}");
  span.fail("Ada Lovelace");
  span.end();
  ASSERT_EQ(kept.spans[0].attributes.size(), 1U);
  EXPECT_EQ(kept.spans[0].attributes[0].name, "http.route");
  EXPECT_EQ(kept.spans[0].error, "error");
}

TEST_F(TracerTest, ASpanEndsOnce) {
  auto span = all.start("x", SpanKind::internal, sampled);
  span.end();
  span.end();
  {
    const auto moved = std::move(span);
  }
  EXPECT_EQ(kept.spans.size(), 1U);
}

TEST_F(TracerTest, ACallThatNobodyCanAnswerAnyMoreHasFailed) {
  {
    const SharedSpan span(all.start("x", SpanKind::client, sampled));
  }
  ASSERT_EQ(kept.spans.size(), 1U);
  EXPECT_EQ(kept.spans[0].error, "no_answer");
  {
    SharedSpan span(all.start("x", SpanKind::client, sampled));
    span.end(Attribute::outcome, "captured");
  }
  ASSERT_EQ(kept.spans.size(), 2U);
  EXPECT_EQ(kept.spans[1].error, "");
}

TEST_F(TracerTest, LinksAreBounded) {
  auto span = all.start("x", SpanKind::internal, sampled);
  for (int i = 0; i < 100; ++i) span.link(*context_of(sampled));
  span.end();
  EXPECT_EQ(kept.spans[0].links.size(), 16U);
}

TEST(Zipkin, ASpanIsWrittenAsItsApiDescribes) {
  SpanRecord span;
  span.context = *context_of(sampled);
  span.parent = SpanId{1};
  span.name = "POST /v1/orders";
  span.kind = SpanKind::server;
  span.start = from_unix_microseconds(1'000'000);
  span.end = from_unix_microseconds(1'000'250);
  span.attributes = {{"http.response.status_code", 503}, {"http.route", std::string("/v1/orders")}};
  span.links = {span.context};
  span.error = "status_503";
  EXPECT_EQ(
      zipkin_json({span}, "stoa"),
      R"([{"traceId":"0af7651916cd43dd8448eb211c80319c","id":"b7ad6b7169203331",)"
      R"("parentId":"0100000000000000","name":"POST /v1/orders","kind":"SERVER",)"
      R"("timestamp":1000000,"duration":250,"localEndpoint":{"serviceName":"stoa"},)"
      R"("tags":{"http.response.status_code":"503","http.route":"/v1/orders","stoa.links":"1",)"
      R"("error":"status_503"}}])");
  EXPECT_EQ(zipkin_json({}, "stoa"), "[]");
}

}  // namespace
}  // namespace stoa::telemetry
