#include "kernel/resilience/rate_limiter.hpp"

#include <mutex>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace stoa {
namespace {

class MemoryRateLimiter final : public RateLimiter {
 public:
  MemoryRateLimiter(RateLimit limit, std::size_t clients_max)
      : rate_(limit), clients_max_(clients_max) {}

  void take(std::string client, Timestamp now, std::function<void(RateVerdict)> then) override {
    then(count(std::move(client), now));
  }

 private:
  RateVerdict count(std::string client, Timestamp now) {
    const std::lock_guard lock(mutex_);
    forget_full(CellRate::to_ns(now));
    const auto [at, is_new] = arrivals_.try_emplace(std::move(client), 0);
    const auto before = at->second;
    const auto verdict = rate_.take(at->second, now);
    if (at->second == before) return verdict;
    if (!is_new) by_arrival_.erase({before, at->first});
    by_arrival_.emplace(at->second, at->first);
    if (arrivals_.size() > clients_max_) forget_soonest();
    return verdict;
  }

  /// Two a request, so that it keeps up without ever stopping the others for long.
  void forget_full(std::int64_t now_ns) {
    for (int i = 0; i < 2 && !by_arrival_.empty() && by_arrival_.begin()->first <= now_ns; ++i)
      forget_soonest();
  }
  void forget_soonest() {
    const auto soonest = by_arrival_.begin();
    const std::string client(soonest->second);
    by_arrival_.erase(soonest);
    arrivals_.erase(client);
  }

  const CellRate rate_;
  const std::size_t clients_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> arrivals_;  ///< its keys stay where they are
  std::set<std::pair<std::int64_t, std::string_view>> by_arrival_;
};

}  // namespace

std::unique_ptr<RateLimiter> make_memory_rate_limiter(RateLimit limit, std::size_t clients_max) {
  return std::make_unique<MemoryRateLimiter>(limit, clients_max);
}

}  // namespace stoa
