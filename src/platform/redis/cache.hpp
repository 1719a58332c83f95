#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/cache/cache.hpp"
#include "kernel/resilience/circuit_breaker.hpp"
#include "platform/redis/settings.hpp"

namespace stoa::redis {

/// A cache that processes share, with a near one in each. An invalidation holds in its own process
/// when it returns, and is sent to the others without waiting: they have it when Redis has told
/// them, and while they do not hear Redis, near values live for a second. What a process could not
/// tell Redis makes it refuse all that is older, as soon as it can. Without Redis the near cache is
/// what there is.
class SharedCache : public Cache {
 public:
  /// Closed while Redis is asked.
  [[nodiscard]] virtual CircuitBreaker::State breaker_state() const = 0;
  [[nodiscard]] virtual bool hears_others() const = 0;
};

struct CacheOptions {
  Duration near_ttl = std::chrono::minutes(1);       ///< at most, while the others are heard
  Duration near_ttl_deaf = std::chrono::seconds(1);  ///< while they are not
  /// A tombstone refuses for so long what was read before it.
  Duration tombstone_ttl = std::chrono::minutes(10);
  /// For so long one process loads a value that is missing, and the others wait for it, ...
  Duration load_lease = std::chrono::milliseconds(500);
  Duration load_wait_max = std::chrono::milliseconds(100);  ///< ... but no longer than this
};

/// `near` is the cache's alone; `clock` outlives it. `warn` is told when Redis is lost.
std::unique_ptr<SharedCache> make_cache(const Settings& settings, std::unique_ptr<NearCache> near,
                                        const Clock& clock,
                                        std::function<void(const std::string&)> warn,
                                        CacheOptions options = {});

}  // namespace stoa::redis
