#include "kernel/cache/cache.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "contracts/by_hand.hpp"
#include "contracts/patience.hpp"
#include "contracts/redis_server.hpp"
#include "platform/redis/cache.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t near_bytes = 1 << 20;

/// A cache of one kind, and how a test lets time pass for it.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Cache& writer() = 0;
  virtual Cache& reader() = 0;  ///< the writer's, or one of another process that has begun now
  virtual void pass(Duration time) = 0;
  virtual void settle() {}  ///< what was written has arrived
};

class MemorySubject final : public Subject {
 public:
  Cache& writer() override { return *cache_; }
  Cache& reader() override { return *cache_; }
  void pass(Duration time) override { clock_.pass(time); }

 private:
  HandClock clock_;
  std::unique_ptr<NearCache> cache_ = make_memory_cache(near_bytes, clock_);
};

class RedisSubject : public Subject {
 public:
  RedisSubject() : cache_(open()) {}
  Cache& writer() override { return *cache_; }
  Cache& reader() override { return *cache_; }
  void pass(Duration time) override { std::this_thread::sleep_for(time + 20ms); }
  void settle() override {
    std::promise<void> asked;
    cache_->get("settled " + std::to_string(++settled_),
                [&](const std::optional<Cache::Entry>&) { asked.set_value(); });
    asked.get_future().wait();
  }

 protected:
  std::unique_ptr<redis::SharedCache> open() {
    auto cache =
        redis::make_cache(server_.settings(), make_memory_cache(near_bytes, clock_), clock_, {});
    EXPECT_TRUE(comes_true([&] { return is_asked(*cache) && cache->hears_others(); }));
    return cache;
  }

 private:
  RedisServer server_;
  SystemClock clock_;
  std::unique_ptr<redis::SharedCache> cache_;
  int settled_ = 0;
};

class RedisOfOthersSubject final : public RedisSubject {
 public:
  Cache& reader() override {
    other_ = open();
    return *other_;
  }

 private:
  std::unique_ptr<redis::SharedCache> other_;
};

class CacheContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Memory") {
      subject_ = std::make_unique<MemorySubject>();
      return;
    }
    STOA_NEEDS_REDIS();
    if (GetParam() == "Redis") subject_ = std::make_unique<RedisSubject>();
    if (GetParam() == "RedisOfOthers") subject_ = std::make_unique<RedisOfOthersSubject>();
  }
  std::string get(const std::string& key) {
    subject_->settle();
    std::promise<std::string> text;
    subject_->reader().get(key, [&](std::optional<Cache::Entry> entry) {
      text.set_value(entry ? *entry->value + "@" + std::to_string(entry->revision) : "nothing");
    });
    return text.get_future().get();
  }
  void set(const std::string& key, std::int64_t revision, std::string value, Duration ttl = 1h) {
    subject_->writer().set_if_newer(key, revision, std::move(value), ttl);
  }
  void invalidate(const std::string& key, std::int64_t revision) {
    subject_->writer().invalidate(key, revision);
  }
  [[nodiscard]] bool is_one_process() const { return GetParam() != "RedisOfOthers"; }

  std::unique_ptr<Subject> subject_;
};

TEST_P(CacheContract, GivesWhatWasSet) {
  EXPECT_EQ(get("a"), "nothing");
  set("a", 1, std::string("one\0\r\n", 6));
  EXPECT_EQ(get("a"), std::string("one\0\r\n@1", 8));
}

TEST_P(CacheContract, OlderValue_IsNotPutBack) {
  set("a", 5, "new");
  set("a", 4, "old");
  EXPECT_EQ(get("a"), "new@5");
  set("a", 6, "newer");
  EXPECT_EQ(get("a"), "newer@6");
}

TEST_P(CacheContract, Tombstone_RefusesWhatWasReadBeforeIt) {
  set("a", 5, "old");
  invalidate("a", 7);
  EXPECT_EQ(get("a"), "nothing");
  set("a", 6, "late");
  EXPECT_EQ(get("a"), "nothing");
  set("a", 7, "fresh");
  EXPECT_EQ(get("a"), "fresh@7");
}

TEST_P(CacheContract, TombstoneStandsAlsoWhereNothingWas) {
  invalidate("a", 7);
  set("a", 6, "late");
  EXPECT_EQ(get("a"), "nothing");
}

TEST_P(CacheContract, OlderInvalidation_LeavesTheNewerValue) {
  set("a", 8, "new");
  invalidate("a", 7);
  EXPECT_EQ(get("a"), "new@8");
}

TEST_P(CacheContract, WhatHasExpired_IsGone_AndCanBeSetAgainAtTheSameRevision) {
  set("a", 5, "one", 100ms);
  subject_->pass(100ms);
  EXPECT_EQ(get("a"), "nothing");
  set("a", 5, "two");
  EXPECT_EQ(get("a"), "two@5");
}

TEST_P(CacheContract, Peek_FindsWhatGetFinds_AndCountsHitsAlone) {
  if (!is_one_process()) GTEST_SKIP() << "asks nobody";
  auto& cache = subject_->writer();
  EXPECT_FALSE(cache.peek("a"));
  set("a", 1, "one", 100ms);
  const auto entry = cache.peek("a");
  ASSERT_TRUE(entry);
  EXPECT_EQ(*entry->value, "one");
  EXPECT_EQ(entry->revision, 1);
  subject_->pass(100ms);
  EXPECT_FALSE(cache.peek("a"));
  set("b", 1, "one");
  invalidate("b", 2);
  EXPECT_FALSE(cache.peek("b"));
  EXPECT_EQ(cache.figures().hits, 1U);
  EXPECT_EQ(cache.figures().misses, 0U);
  get("b");
  EXPECT_GE(cache.figures().misses, 1U);
}

/// Readers load what a writer changes; nobody may ever see an older value than the writer has told.
TEST_P(CacheContract, RacingLoads_NeverBringBackWhatWasInvalidated) {
  if (!is_one_process()) GTEST_SKIP() << "others are told soon, not at once";
  auto& cache = subject_->writer();
  std::atomic<std::int64_t> store = 1, told = 1;
  std::atomic<bool> ended = false;
  std::atomic<int> stale = 0;
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!ended) {
        const auto seen = told.load();
        std::promise<bool> is_hit;
        cache.get("a", [&](std::optional<Cache::Entry> entry) {
          if (entry && std::stoll(*entry->value) < seen) ++stale;
          is_hit.set_value(entry.has_value());
        });
        if (is_hit.get_future().get()) continue;
        const auto read = store.load();
        std::this_thread::yield();
        cache.set_if_newer("a", read, std::to_string(read), 1h);
      }
    });
  for (std::int64_t revision = 2; revision < 5'000; ++revision) {
    cache.invalidate("a", revision);
    store = revision;
    told = revision;
    if (revision % 16 == 0) std::this_thread::sleep_for(50us);
  }
  ended = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(stale, 0);
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, CacheContract,
                         testing::Values("Memory", "Redis", "RedisOfOthers"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace stoa
