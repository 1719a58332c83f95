#include <algorithm>
#include <array>
#include <functional>
#include <list>
#include <mutex>
#include <unordered_map>

#include "kernel/base/planted.hpp"
#include "kernel/cache/cache.hpp"

namespace stoa {
namespace {

/// Of the list, the map and their keys, beside the value.
constexpr std::size_t entry_overhead_bytes = 192;

/// A part of the keys under a lock of its own.
class Shard {
 public:
  Shard() = default;
  void set_capacity(std::size_t bytes) { bytes_max_ = bytes; }

  std::optional<Cache::Entry> get(const std::string& key, Timestamp now, bool count_miss) {
    const std::lock_guard lock(mutex_);
    const auto at = index_.find(key);
    if (at == index_.end() || !at->second->value || at->second->expires <= now) {
      if (count_miss) ++misses_;
      return std::nullopt;
    }
    order_.splice(order_.begin(), order_, at->second);
    ++hits_;
    return Cache::Entry{at->second->revision, at->second->value};
  }

  void set(const std::string& key, std::int64_t revision, std::string value, Timestamp now,
           Duration ttl) {
    auto kept = std::make_shared<const std::string>(std::move(value));
    const std::lock_guard lock(mutex_);
    const auto bytes = cost(key, kept->size());
    const auto at = index_.find(key);
    // A value of a tombstone's own revision has the change in it.
    const bool is_live = at != index_.end() && at->second->value && at->second->expires > now;
    const bool is_old = at != index_.end() && (is_live ? revision <= at->second->revision
                                                       : revision < at->second->revision);
    if ((is_old && !planted(Defect::cache_takes_older)) || revision < floor_ ||
        bytes > bytes_max_ / 2) {
      ++refused_;
      return;
    }
    put(key, {key, revision, std::move(kept), now + ttl});
  }

  void invalidate(const std::string& key, std::int64_t revision) {
    const std::lock_guard lock(mutex_);
    const auto at = index_.find(key);
    if (at != index_.end() && at->second->revision >= revision) return;
    put(key, {key, revision, nullptr, {}});
  }

  void forget_values() {
    const std::lock_guard lock(mutex_);
    for (auto at = order_.begin(); at != order_.end();) {
      if (!at->value) {
        ++at;
        continue;
      }
      bytes_ -= cost(*at);
      index_.erase(at->key);
      at = order_.erase(at);
    }
  }

  void add_to(CacheFigures& figures) const {
    const std::lock_guard lock(mutex_);
    figures.hits += hits_;
    figures.misses += misses_;
    figures.refused += refused_;
    figures.evictions += evictions_;
    figures.bytes += bytes_;
    figures.entries += index_.size();
  }

 private:
  struct Node {
    std::string key;
    std::int64_t revision = 0;
    std::shared_ptr<const std::string> value;  ///< null in a tombstone
    Timestamp expires;
  };
  using Order = std::list<Node>;

  static std::size_t cost(const std::string& key, std::size_t value_bytes) {
    return entry_overhead_bytes + 2 * key.size() + value_bytes;
  }
  static std::size_t cost(const Node& node) {
    return cost(node.key, node.value ? node.value->size() : 0);
  }

  void put(const std::string& key, Node node) {
    bytes_ += cost(node);
    const auto [at, fresh] = index_.try_emplace(key);
    if (fresh) {
      order_.push_front(std::move(node));
      at->second = order_.begin();
    } else {
      bytes_ -= cost(*at->second);
      *at->second = std::move(node);
      order_.splice(order_.begin(), order_, at->second);
    }
    while (bytes_ > bytes_max_ && !order_.empty()) evict();
  }

  /// What a forgotten tombstone refused for its key is refused for every key from then on.
  void evict() {
    const auto& last = order_.back();
    if (!last.value) floor_ = std::max(floor_, last.revision);
    bytes_ -= cost(last);
    index_.erase(last.key);
    order_.pop_back();
    ++evictions_;
  }

  mutable std::mutex mutex_;
  std::size_t bytes_max_ = 0;
  Order order_;  // the most recently used first
  std::unordered_map<std::string, Order::iterator> index_;
  std::size_t bytes_ = 0;
  std::int64_t floor_ = 0;
  std::uint64_t hits_ = 0, misses_ = 0, refused_ = 0, evictions_ = 0;
};

class MemoryCache final : public NearCache {
 public:
  MemoryCache(std::size_t bytes_max, const Clock& clock) : clock_(clock) {
    for (auto& shard : shards_) shard.set_capacity(bytes_max / shards_.size());
  }

  void get(const std::string& key, const Found& found) override {
    found(shard_of(key).get(key, clock_.now(), true));
  }
  [[nodiscard]] std::optional<Entry> peek(const std::string& key) override {
    return shard_of(key).get(key, clock_.now(), false);
  }
  void set_if_newer(const std::string& key, std::int64_t revision, std::string value,
                    Duration ttl) override {
    shard_of(key).set(key, revision, std::move(value), clock_.now(), ttl);
  }
  void invalidate(const std::string& key, std::int64_t revision) override {
    shard_of(key).invalidate(key, revision);
  }
  void forget_values() override {
    for (auto& shard : shards_) shard.forget_values();
  }
  [[nodiscard]] CacheFigures figures() const override {
    CacheFigures figures;
    for (const auto& shard : shards_) shard.add_to(figures);
    return figures;
  }

 private:
  Shard& shard_of(const std::string& key) {
    return shards_[std::hash<std::string>{}(key) % shards_.size()];
  }

  const Clock& clock_;
  std::array<Shard, 16> shards_;
};

}  // namespace

std::unique_ptr<NearCache> make_memory_cache(std::size_t bytes_max, const Clock& clock) {
  return std::make_unique<MemoryCache>(bytes_max, clock);
}

}  // namespace stoa
