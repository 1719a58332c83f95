#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "kernel/cache/cache.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;

class HandClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return at; }
  Timestamp at{};
};

class MemoryCacheTest : public testing::Test {
 protected:
  std::string get(const std::string& key) {
    std::string text = "nothing";
    cache_->get(key, [&](std::optional<Cache::Entry> entry) {
      if (entry) text = *entry->value + "@" + std::to_string(entry->revision);
    });
    return text;
  }
  void set(const std::string& key, std::int64_t revision, std::string value) {
    cache_->set_if_newer(key, revision, std::move(value), 1h);
  }
  HandClock clock_;
  std::unique_ptr<Cache> cache_ = make_memory_cache(1 << 20, clock_);
};

TEST_F(MemoryCacheTest, GivesWhatWasSet) {
  EXPECT_EQ(get("a"), "nothing");
  set("a", 1, "one");
  EXPECT_EQ(get("a"), "one@1");
  EXPECT_EQ(cache_->figures().hits, 1U);
  EXPECT_EQ(cache_->figures().misses, 1U);
}

TEST_F(MemoryCacheTest, OlderValue_IsNotPutBack) {
  set("a", 5, "new");
  set("a", 4, "old");
  EXPECT_EQ(get("a"), "new@5");
  set("a", 6, "newer");
  EXPECT_EQ(get("a"), "newer@6");
}

TEST_F(MemoryCacheTest, Tombstone_RefusesWhatWasReadBeforeIt) {
  set("a", 5, "old");
  cache_->invalidate("a", 7);
  EXPECT_EQ(get("a"), "nothing");
  set("a", 6, "late");
  EXPECT_EQ(get("a"), "nothing");
  set("a", 7, "fresh");
  EXPECT_EQ(get("a"), "fresh@7");
}

TEST_F(MemoryCacheTest, TombstoneStandsAlsoWhereNothingWas) {
  cache_->invalidate("a", 7);
  set("a", 6, "late");
  EXPECT_EQ(get("a"), "nothing");
}

TEST_F(MemoryCacheTest, OlderInvalidation_LeavesTheNewerValue) {
  set("a", 8, "new");
  cache_->invalidate("a", 7);
  EXPECT_EQ(get("a"), "new@8");
}

TEST_F(MemoryCacheTest, WhatHasExpired_IsGone_AndCanBeSetAgainAtTheSameRevision) {
  set("a", 5, "one");
  clock_.at += 2h;
  EXPECT_EQ(get("a"), "nothing");
  set("a", 5, "two");
  EXPECT_EQ(get("a"), "two@5");
}

TEST_F(MemoryCacheTest, BytesAreBounded_AndTheRecentlyUsedStay) {
  for (int i = 0; i < 10'000; ++i) {
    set("k" + std::to_string(i), 1, std::string(1'000, 'x'));
    get("k0");
  }
  const auto figures = cache_->figures();
  EXPECT_LE(figures.bytes, std::size_t{1} << 20);
  EXPECT_GT(figures.bytes, std::size_t{1} << 19);
  EXPECT_GT(figures.evictions, 8'000U);
  EXPECT_NE(get("k0"), "nothing");
  EXPECT_EQ(get("k1"), "nothing");
}

TEST_F(MemoryCacheTest, ForgottenTombstone_StillRefuses) {
  cache_->invalidate("a", 7);
  for (int i = 0; i < 10'000; ++i) set("k" + std::to_string(i), 9, std::string(1'000, 'x'));
  set("a", 6, "late");
  EXPECT_EQ(get("a"), "nothing");
  set("a", 7, "fresh");
  EXPECT_EQ(get("a"), "fresh@7");
}

TEST_F(MemoryCacheTest, Peek_FindsWhatGetFinds_AndCountsHitsAlone) {
  EXPECT_FALSE(cache_->peek("a"));
  set("a", 1, "one");
  const auto entry = cache_->peek("a");
  ASSERT_TRUE(entry);
  EXPECT_EQ(*entry->value, "one");
  EXPECT_EQ(entry->revision, 1);
  clock_.at += 1h;
  EXPECT_FALSE(cache_->peek("a"));
  set("b", 1, "one");
  cache_->invalidate("b", 2);
  EXPECT_FALSE(cache_->peek("b"));
  EXPECT_EQ(cache_->figures().hits, 1U);
  EXPECT_EQ(cache_->figures().misses, 0U);
}

TEST_F(MemoryCacheTest, ValueLargerThanItsShare_IsNotKept) {
  set("a", 1, std::string(1 << 20, 'x'));
  EXPECT_EQ(get("a"), "nothing");
  EXPECT_EQ(cache_->figures().refused, 1U);
}

TEST_F(MemoryCacheTest, WithoutRoom_KeepsNothing) {
  cache_ = make_memory_cache(0, clock_);
  cache_->invalidate("a", 1);
  set("a", 2, "x");
  EXPECT_EQ(get("a"), "nothing");
  EXPECT_EQ(cache_->figures().bytes, 0U);
}

/// Readers load what a writer changes; nobody may ever see an older value than the writer has told.
TEST_F(MemoryCacheTest, RacingLoads_NeverBringBackWhatWasInvalidated) {
  std::atomic<std::int64_t> store = 1, told = 1;
  std::atomic<bool> ended = false;
  std::atomic<int> stale = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!ended) {
        const auto seen = told.load();
        bool hit = false;
        cache_->get("a", [&](std::optional<Cache::Entry> entry) {
          hit = entry.has_value();
          if (hit && std::stoll(*entry->value) < seen) ++stale;
        });
        if (hit) continue;
        const auto read = store.load();
        std::this_thread::yield();
        cache_->set_if_newer("a", read, std::to_string(read), 1h);
      }
    });
  for (std::int64_t revision = 2; revision < 20'000; ++revision) {
    cache_->invalidate("a", revision);
    store = revision;
    told = revision;
  }
  ended = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(stale, 0);
}

}  // namespace
}  // namespace stoa
