#include "kernel/mediator/batch_spans.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

using telemetry::SpanRecord;

const std::string one = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const std::string other = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";
const std::string unsampled = "00-2af7651916cd43dd8448eb211c80319c-d7ad6b7169203331-00";

struct Kept final : telemetry::SpanSink {
  void take(SpanRecord span) noexcept override { spans.push_back(std::move(span)); }
  std::vector<SpanRecord> spans;
};

/// A microsecond passes with each look.
struct Ticking final : Clock {
  [[nodiscard]] Timestamp now() const override { return from_unix_microseconds(++ticks); }
  mutable std::int64_t ticks = 0;
};

struct BatchSpansTest : testing::Test {
  Ticking clock;
  SystemClock wall;
  std::unique_ptr<IdSource> ids = make_uuid_v7_source(wall);
  Kept kept;
  telemetry::Tracer tracer{clock, *ids, kept, 1};

  void run(const telemetry::Tracer* by, const std::vector<std::string>& traceparents) const {
    std::vector<Executor::Work> works(traceparents.size());
    for (std::size_t at = 0; at < works.size(); ++at)
      works[at].cause.traceparent = traceparents[at];
    BatchSpans spans(by, works.data(), works.size());
    for (const auto& work : works) {
      spans.decide(work);
      spans.decided(work);
    }
    spans.commit();
    spans.committed();
  }
  [[nodiscard]] std::vector<SpanRecord> named(std::string_view name) const {
    std::vector<SpanRecord> found;
    for (const auto& span : kept.spans)
      if (span.name == name) found.push_back(span);
    return found;
  }
};

TEST_F(BatchSpansTest, EachSampledCommandHasItsOwn_LinkedToTheOthers) {
  run(&tracer, {unsampled, one, "", other});
  const auto batches = named("batch");
  const auto decides = named("decide");
  const auto commits = named("commit");
  ASSERT_EQ(batches.size(), 2U);
  ASSERT_EQ(kept.spans.size(), 6U);
  for (std::size_t at = 0; at < 2; ++at) {
    const auto mine = *telemetry::context_of(at == 0 ? one : other);
    const auto theirs = *telemetry::context_of(at == 0 ? other : one);
    EXPECT_EQ(batches[at].context.trace, mine.trace);
    EXPECT_EQ(batches[at].parent, mine.span);
    ASSERT_EQ(batches[at].links.size(), 1U);
    EXPECT_EQ(batches[at].links[0].trace, theirs.trace);
    EXPECT_EQ(std::get<std::int64_t>(batches[at].attributes.at(0).value), 4);
    EXPECT_EQ(decides[at].parent, batches[at].context.span);
    EXPECT_EQ(commits[at].parent, batches[at].context.span);
    EXPECT_LE(batches[at].start, decides[at].start);
    EXPECT_LT(decides[at].start, decides[at].end);
    EXPECT_LE(decides[at].end, commits[at].start);
    EXPECT_EQ(commits[at].end, batches[at].end);
  }
  EXPECT_LE(decides[0].end, decides[1].start);
}

TEST_F(BatchSpansTest, WithoutASampledCommand_NotEvenTheClockIsAsked) {
  run(&tracer, {unsampled, ""});
  run(nullptr, {one});
  const telemetry::Tracer off;
  run(&off, {one});
  EXPECT_TRUE(kept.spans.empty());
  EXPECT_EQ(clock.ticks, 0);
}

TEST_F(BatchSpansTest, OfABatchThatFailed_NothingIsTold) {
  Executor::Work work;
  work.cause.traceparent = one;
  {
    BatchSpans spans(&tracer, &work, 1);
    spans.decide(work);
  }
  EXPECT_TRUE(kept.spans.empty());
}

}  // namespace
}  // namespace stoa
