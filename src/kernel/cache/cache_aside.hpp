#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/cache/cache.hpp"

namespace stoa {

/// Cache-aside in front of a store: what is not in the cache is loaded, once for all who ask for it
/// at the same time, and put there. Thread-safe.
class CacheAside {
 public:
  static constexpr std::size_t waiting_max = 1'000;  ///< for one load; more are told `overloaded`
  static constexpr std::chrono::hours ttl{1};

  using Value = std::shared_ptr<const std::string>;  ///< null: there is none in the store
  using Answer = std::function<void(Result<Value>)>;
  struct Loaded {
    std::int64_t revision = 0;  ///< that the store stood at when it was read
    std::optional<std::string> value;
  };
  /// Reads the store as it stands when it is called, or later, and calls `loaded` once.
  using Load = std::function<void(std::function<void(Result<Loaded>)> loaded)>;

  struct Freshness {
    /// Entries before this revision are not good, though nobody invalidated their key.
    std::int64_t good_from = 0;
    /// The store's newest durable revision. Who asks now is not given what a load finds that began
    /// before it: that load may have missed a write that the asker has seen answered.
    std::int64_t durable = 0;
  };

  explicit CacheAside(Cache& cache) : cache_(cache) {}

  /// Calls `answer` once: on the caller's thread when the cache has it, else on the load's.
  void get(const std::string& key, Freshness freshness, Load load, Answer answer);

  /// The value when the cache has it at hand, which saves `get` what it would take to wait; else
  /// null.
  [[nodiscard]] Value peek(const std::string& key, std::int64_t good_from);

  [[nodiscard]] Cache& cache() { return cache_; }
  [[nodiscard]] std::uint64_t loads() const { return loads_; }

 private:
  struct Flight {
    explicit Flight(std::int64_t durable) : began_at(durable) {}
    std::int64_t began_at;
    std::vector<Answer> waiting;
  };

  void join(const std::string& key, std::int64_t durable, const Load& load, const Answer& answer);
  void land(const std::string& key, const std::shared_ptr<Flight>& flight, Result<Loaded> loaded);

  Cache& cache_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::atomic<std::uint64_t> loads_{0};
};

}  // namespace stoa
