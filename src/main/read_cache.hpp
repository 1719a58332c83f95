#pragma once

#include <memory>

#include "kernel/cache/cache_aside.hpp"
#include "kernel/http/representation.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "main/configuration.hpp"
#include "services/catalog/api/public_reads.hpp"

namespace stoa {

/// The cache in front of what shops read, in memory, with its figures.
class ReadCache {
 public:
  /// Adds its figures to `metrics`, which are asked for no more once it has gone.
  ReadCache(const Configuration& configuration, const Clock& clock, telemetry::Metrics& metrics);
  [[nodiscard]] catalog::PublicReads reads(http::Codecs codecs);

 private:
  std::unique_ptr<Cache> cache_;
  CacheAside aside_;
  std::int64_t product_seconds_max_;
};

/// gzip and zstd.
http::Codecs make_codecs();

}  // namespace stoa
