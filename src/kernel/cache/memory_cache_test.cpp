#include <gtest/gtest.h>

#include <string>

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
  std::unique_ptr<NearCache> cache_ = make_memory_cache(1 << 20, clock_);
};

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

TEST_F(MemoryCacheTest, ForgettingValues_LeavesTombstones) {
  set("a", 5, "one");
  cache_->invalidate("b", 7);
  cache_->forget_values();
  EXPECT_EQ(get("a"), "nothing");
  set("b", 6, "late");
  EXPECT_EQ(get("b"), "nothing");
  set("a", 5, "one");
  EXPECT_EQ(get("a"), "one@5");
  EXPECT_EQ(cache_->figures().entries, 2U);
}

}  // namespace
}  // namespace stoa
