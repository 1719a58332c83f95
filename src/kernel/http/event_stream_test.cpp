#include "kernel/http/event_stream.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace stoa::http {
namespace {

/// A stream whose looks the test ends, and that it wakes.
class LiveStreamTest : public testing::Test {
 protected:
  LiveStreamTest()
      : stream_(make_live_stream([this](Found found) { looks_.push_back(std::move(found)); },
                                 [this](std::function<void()> wake) {
                                   wake_ = std::move(wake);
                                   return std::shared_ptr<const void>(
                                       &ticket_, [this](const void*) { wake_ = {}; });
                                 })) {}
  void ask() {
    stream_->next([this](std::string piece) { pieces_.push_back(std::move(piece)); });
  }
  using Pieces = std::vector<std::string>;
  int ticket_ = 0;
  std::function<void()> wake_;
  Pieces pieces_;
  std::vector<Found> looks_;  // they hold the stream
  std::shared_ptr<Stream> stream_;
};

TEST_F(LiveStreamTest, LooksWhenItsClientAsks_AndNotBefore) {
  wake_();
  EXPECT_TRUE(looks_.empty());
  ask();
  ASSERT_EQ(looks_.size(), 1U);
  looks_[0]("a");
  EXPECT_EQ(pieces_, Pieces{"a"});
  wake_();
  EXPECT_EQ(looks_.size(), 1U) << "the client has not taken the piece yet";
}

TEST_F(LiveStreamTest, WaitsForNews_AndLooksAgain) {
  ask();
  looks_[0]("");
  EXPECT_EQ(looks_.size(), 1U) << "it must not poll";
  wake_();
  ASSERT_EQ(looks_.size(), 2U);
  looks_[1]("b");
  EXPECT_EQ(pieces_, Pieces{"b"});
}

TEST_F(LiveStreamTest, NewsDuringALook_AreNotMissed) {
  ask();
  wake_();
  EXPECT_EQ(looks_.size(), 1U) << "one look at a time";
  looks_[0]("");
  ASSERT_EQ(looks_.size(), 2U);
  looks_[1]("c");
  EXPECT_EQ(pieces_, Pieces{"c"});
}

TEST_F(LiveStreamTest, FailedLook_EndsTheStream_AndSecondAnswerIsDropped) {
  ask();
  looks_[0](std::nullopt);
  looks_[0]("late");
  EXPECT_EQ(pieces_, Pieces{""});
}

TEST_F(LiveStreamTest, ListensNoMoreOnceItIsLetGo) {
  stream_.reset();  // no look is under way
  EXPECT_FALSE(wake_);
}

TEST(EventStream, EventsAreWrittenAsTheStandardReadsThem) {
  std::string piece;
  append_event(piece, "7", "confirmed", "{}");
  append_event(piece, "8", {}, {});
  EXPECT_EQ(piece, "id: 7\nevent: confirmed\ndata: {}\n\nid: 8\n\n");
}

}  // namespace
}  // namespace stoa::http
