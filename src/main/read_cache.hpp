#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/cache/cache_aside.hpp"
#include "kernel/http/representation.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "main/configuration.hpp"
#include "platform/redis/settings.hpp"
#include "services/catalog/api/public_reads.hpp"

namespace stoa {

/// The cache in front of what shops read, with its figures: in memory, and with `shared` in Redis
/// behind it.
class ReadCache {
 public:
  /// Adds its figures to `metrics`, which are asked for no more once it has gone.
  ReadCache(const Configuration& configuration, const Clock& clock, telemetry::Metrics& metrics,
            const std::optional<redis::Settings>& shared = {},
            std::function<void(const std::string&)> warn = {});
  [[nodiscard]] catalog::PublicReads reads(http::Codecs codecs);

 private:
  std::unique_ptr<Cache> cache_;
  CacheAside aside_;
  std::int64_t product_seconds_max_;
};

/// gzip and zstd.
http::Codecs make_codecs();

}  // namespace stoa
