#include "kernel/cache/cache_aside.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

/// Loads end when the test says so.
class CacheAsideTest : public testing::Test {
 protected:
  using Loaded = CacheAside::Loaded;
  void get(std::int64_t durable = 0, std::int64_t good_from = 0) {
    aside_.get(
        "a", {good_from, durable}, [this](auto loaded) { loads_.push_back(std::move(loaded)); },
        [this](const Result<CacheAside::Value>& value) {
          answers_.push_back(!value ? value.error().code : *value ? **value : "none");
        });
  }
  using Texts = std::vector<std::string>;
  SystemClock clock_;
  std::unique_ptr<Cache> cache_ = make_memory_cache(1 << 20, clock_);
  CacheAside aside_{*cache_};
  std::vector<std::function<void(Result<Loaded>)>> loads_;
  Texts answers_;
};

TEST_F(CacheAsideTest, MissLoads_AndTheNextHits) {
  get();
  ASSERT_EQ(loads_.size(), 1U);
  loads_[0](Loaded{1, "one"});
  get();
  EXPECT_EQ(loads_.size(), 1U);
  EXPECT_EQ(answers_, (Texts{"one", "one"}));
}

TEST_F(CacheAsideTest, OneLoadServesAllWhoAskMeanwhile) {
  for (int i = 0; i < 5; ++i) get();
  ASSERT_EQ(loads_.size(), 1U);
  EXPECT_EQ(aside_.loads(), 1U);
  loads_[0](Loaded{1, "one"});
  EXPECT_EQ(answers_, Texts(5, "one"));
}

TEST_F(CacheAsideTest, WhoAsksAfterACommit_IsNotGivenALoadFromBeforeIt) {
  get(5);
  get(6);
  ASSERT_EQ(loads_.size(), 2U);
  get(6);
  EXPECT_EQ(loads_.size(), 2U);
  loads_[1](Loaded{6, "new"});
  loads_[0](Loaded{5, "old"});
  EXPECT_EQ(answers_, (Texts{"new", "new", "old"}));
  get(6);
  EXPECT_EQ(answers_.back(), "new");
}

TEST_F(CacheAsideTest, EntryFromBeforeItIsGood_IsLoadedAgain) {
  get();
  loads_[0](Loaded{4, "old"});
  get(5, 5);
  ASSERT_EQ(loads_.size(), 2U);
  loads_[1](Loaded{5, "new"});
  get(5, 5);
  EXPECT_EQ(answers_, (Texts{"old", "new", "new"}));
}

TEST_F(CacheAsideTest, Peek_GivesWhatIsThereAndGood_AndLoadsNothing) {
  EXPECT_EQ(aside_.peek("a", 0), nullptr);
  EXPECT_TRUE(loads_.empty());
  get();
  loads_[0](Loaded{4, "one"});
  ASSERT_NE(aside_.peek("a", 4), nullptr);
  EXPECT_EQ(*aside_.peek("a", 4), "one");
  EXPECT_EQ(aside_.peek("a", 5), nullptr);
}

TEST_F(CacheAsideTest, AbsenceAndFailure_AreAnsweredAndNotKept) {
  get();
  loads_[0](Loaded{1, std::nullopt});
  get();
  ASSERT_EQ(loads_.size(), 2U);
  loads_[1](fail(internal_error()));
  get();
  EXPECT_EQ(loads_.size(), 3U);
  EXPECT_EQ(answers_, (Texts{"none", "internal_error"}));
}

TEST_F(CacheAsideTest, WhoWaitAreBounded) {
  for (std::size_t i = 0; i < CacheAside::waiting_max + 1; ++i) get();
  EXPECT_EQ(answers_, Texts{"overloaded"});
}

}  // namespace
}  // namespace stoa
