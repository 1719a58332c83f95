#include "platform/redis/cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "contracts/patience.hpp"
#include "contracts/redis_server.hpp"
#include "platform/redis/link.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;

/// Caches of several processes on one server, which a test stops and ends.
class RedisCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    STOA_NEEDS_REDIS();
    server_.emplace();
  }
  std::unique_ptr<redis::SharedCache> open(redis::CacheOptions options = {},
                                           bool in_a_hurry = false) {
    auto cache = redis::make_cache(server_->settings(in_a_hurry),
                                   make_memory_cache(1 << 20, clock_), clock_, {}, options);
    EXPECT_TRUE(is_up(*cache));
    return cache;
  }
  static bool is_up(const redis::SharedCache& cache) {
    return comes_true([&] { return is_asked(cache) && cache.hears_others(); });
  }
  static std::string get(Cache& cache, const std::string& key) { return begin(cache, key).get(); }
  static std::future<std::string> begin(Cache& cache, const std::string& key) {
    const auto text = std::make_shared<std::promise<std::string>>();
    cache.get(key, [text](std::optional<Cache::Entry> entry) {
      text->set_value(entry ? *entry->value + "@" + std::to_string(entry->revision) : "nothing");
    });
    return text->get_future();
  }
  /// Sets and waits until Redis has it.
  void set(Cache& cache, const std::string& key, std::int64_t revision, const std::string& value) {
    cache.set_if_newer(key, revision, value, 1h);
    get(cache, "settled " + std::to_string(++settled_));
  }
  void ask(const redis::Command& command) const { redis::Link(server_->settings()).ask(command); }

  SystemClock clock_;
  std::optional<RedisServer> server_;
  int settled_ = 0;
};

TEST_F(RedisCacheTest, WhatOneProcessInvalidates_AnotherStopsGiving) {
  const auto one = open(), two = open();
  set(*one, "a", 5, "old");
  EXPECT_EQ(get(*two, "a"), "old@5");
  ASSERT_TRUE(two->peek("a"));
  one->invalidate("a", 7);
  EXPECT_TRUE(comes_true([&] { return !two->peek("a"); }));
  EXPECT_EQ(get(*two, "a"), "nothing");
  set(*two, "a", 6, "late");
  EXPECT_EQ(get(*open(), "a"), "nothing");
}

TEST_F(RedisCacheTest, SetsThatRace_LeaveTheNewest) {
  std::vector<std::unique_ptr<redis::SharedCache>> caches;
  for (int i = 0; i < 4; ++i) caches.push_back(open());
  std::vector<std::thread> writers;
  writers.reserve(caches.size());
  for (std::size_t i = 0; i < caches.size(); ++i)
    writers.emplace_back([&caches, i] {
      for (int turn = 0; turn < 200; ++turn) {
        const auto revision = 1 + (turn * 7 + static_cast<int>(i) * 53) % 200;
        caches[i]->set_if_newer("a", revision, std::to_string(revision), 1h);
        if (turn % 10 == 0) get(*caches[i], "settled");
      }
    });
  for (auto& writer : writers) writer.join();
  for (auto& cache : caches) get(*cache, "settled");
  EXPECT_EQ(get(*open(), "a"), "200@200");
}

TEST_F(RedisCacheTest, OneProcessLoads_TheOthersWaitForIt) {
  const auto one = open({.load_lease = 1min, .load_wait_max = 1min});
  const auto two = open({.load_lease = 1min, .load_wait_max = 1min});
  EXPECT_EQ(get(*one, "a"), "nothing");
  auto waiting = begin(*two, "a");
  EXPECT_EQ(waiting.wait_for(50ms), std::future_status::timeout);
  one->set_if_newer("a", 5, "loaded", 1h);
  EXPECT_EQ(waiting.get(), "loaded@5");
}

TEST_F(RedisCacheTest, ALoadThatFoundNothing_LetsTheOthersGo) {
  const auto one = open({.load_lease = 1h, .load_wait_max = 1h});
  const auto two = open({.load_lease = 1h, .load_wait_max = 1h});
  EXPECT_EQ(get(*one, "a"), "nothing");
  auto waiting = begin(*two, "a");
  one->abandon("a");
  ASSERT_EQ(waiting.wait_for(30s), std::future_status::ready);
  EXPECT_EQ(waiting.get(), "nothing");
}

TEST_F(RedisCacheTest, ALoaderThatDied_IsNotWaitedForLong) {
  const auto one = open({.load_lease = 1h});
  const auto two = open();
  EXPECT_EQ(get(*one, "a"), "nothing");
  EXPECT_EQ(get(*two, "a"), "nothing");
}

TEST_F(RedisCacheTest, BeforeItExpires_OneLoads_AndTheOthersAreGivenWhatThereIs) {
  const auto one = open(), two = open();
  // A load of a day, of a value that lives a minute longer: it is time to begin.
  const auto expires = to_unix_milliseconds(clock_.now() + 1min);
  ask({"SET", "stoa:cache:a", "V5 " + std::to_string(expires) + " 86400000000000\nold"});
  EXPECT_EQ(get(*one, "a"), "nothing");
  EXPECT_EQ(get(*two, "a"), "old@5");
  set(*one, "a", 5, "again");
  EXPECT_EQ(get(*open(), "a"), "again@5");
}

TEST_F(RedisCacheTest, WithoutAServer_TheNearCacheIsWhatThereIs) {
  const auto cache = open();
  set(*cache, "a", 5, "one");
  server_->kill();
  ASSERT_TRUE(comes_true([&] { return !is_asked(*cache) && !cache->hears_others(); }));
  EXPECT_EQ(get(*cache, "a"), "nothing") << "what others changed would not be told";
  cache->set_if_newer("a", 5, "one", 1h);
  EXPECT_EQ(get(*cache, "a"), "one@5");
  EXPECT_TRUE(comes_true([&] { return !cache->peek("a"); })) << "and not for long";
  cache->invalidate("a", 6);
  cache->set_if_newer("a", 5, "late", 1h);
  EXPECT_EQ(get(*cache, "a"), "nothing");
}

TEST_F(RedisCacheTest, AServerThatIsStopped_CostsNobodyLong_AndComesBack) {
  const auto cache = open({}, true);
  server_->pause();
  EXPECT_EQ(get(*cache, "missing"), "nothing");
  EXPECT_TRUE(is_asked(*cache)) << "one answer that is missed proves nothing";
  for (int i = 0; i < 5; ++i) get(*cache, "missing too " + std::to_string(i));
  EXPECT_FALSE(is_asked(*cache)) << "but five of them do";
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(get(*cache, "missing " + std::to_string(i)), "nothing");
    cache->invalidate("other", i);
  }
  EXPECT_FALSE(is_asked(*cache)) << "else each of them had waited";
  server_->go_on();
  EXPECT_TRUE(comes_true([&] {
    set(*cache, "b", 2'001, "one");
    return get(*open(), "b") == "one@2001";
  }));
}

TEST_F(RedisCacheTest, AServerThatIsKilledAndBegunAgain_IsUsedAgain) {
  const auto cache = open();
  set(*cache, "a", 5, "one");
  server_->kill();
  cache->set_if_newer("a", 6, "two", 1h);
  server_->start();
  ASSERT_TRUE(is_up(*cache));
  set(*cache, "a", 7, "three");
  EXPECT_EQ(get(*open(), "a"), "three@7");
}

TEST_F(RedisCacheTest, AFlushedServer_CostsALoad) {
  const auto one = open(), two = open();
  set(*one, "a", 5, "one");
  ask({"FLUSHALL"});
  ask({"SCRIPT", "FLUSH"});
  EXPECT_EQ(get(*two, "a"), "nothing");
  two->abandon("a");
  set(*one, "a", 6, "two");
  EXPECT_EQ(get(*two, "a"), "two@6");
}

TEST_F(RedisCacheTest, AnInvalidationThatRedisWasNotTold_IsMadeUpFor) {
  const auto one = open({}, true);
  set(*one, "a", 5, "old");
  ASSERT_TRUE(comes_true([&] { return get(*open(), "a") == "old@5"; }));
  server_->pause();
  for (int i = 0; is_asked(*one); ++i) get(*one, "missing " + std::to_string(i));
  one->invalidate("a", 7);
  server_->go_on();
  ASSERT_TRUE(is_up(*one));
  EXPECT_TRUE(comes_true([&] { return get(*open(), "a") == "nothing"; }));
  EXPECT_TRUE(comes_true([&] {
    set(*one, "a", 7, "new");
    return get(*open(), "a") == "new@7";
  }));
}

TEST_F(RedisCacheTest, WhoDidNotHearAnInvalidation_ForgetsWhatItHas) {
  const auto cache = open();
  set(*cache, "a", 5, "old");
  ASSERT_TRUE(cache->peek("a"));
  ask({"CLIENT", "KILL", "TYPE", "pubsub"});
  EXPECT_TRUE(comes_true([&] { return !cache->peek("a"); }));
  EXPECT_EQ(get(*cache, "a"), "old@5") << "from Redis, which was told";
}

TEST_F(RedisCacheTest, LogsIn_AndKeepsToItsDatabase) {
  RedisServer locked({"--requirepass", "secret"});
  auto settings = locked.settings();
  const auto open_with = [&] {
    return redis::make_cache(settings, make_memory_cache(1 << 20, clock_), clock_, {});
  };
  const auto refused = open_with();
  settings.password = "secret";
  settings.database = 2;
  const auto one = open_with(), two = open_with();
  ASSERT_TRUE(is_up(*one) && is_up(*two));
  set(*one, "a", 5, "one");
  EXPECT_EQ(get(*two, "a"), "one@5");
  settings.database = 3;
  const auto elsewhere = open_with();
  ASSERT_TRUE(is_up(*elsewhere));
  EXPECT_EQ(get(*elsewhere, "a"), "nothing");
  EXPECT_FALSE(is_asked(*refused));
  EXPECT_EQ(get(*refused, "a"), "nothing");
}

}  // namespace
}  // namespace stoa
