#include "main/read_cache.hpp"

#include "main/redis_settings.hpp"
#include "platform/redis/cache.hpp"
#include "platform/zlib/gzip.hpp"
#include "platform/zstd/zstd.hpp"

namespace stoa {
namespace {

std::unique_ptr<Cache> make_cache(std::size_t bytes_max, const Clock& clock,
                                  telemetry::Metrics& metrics,
                                  const std::optional<redis::Settings>& shared,
                                  std::function<void(const std::string&)> warn) {
  auto near = make_memory_cache(bytes_max, clock);
  if (!shared || bytes_max == 0) return near;
  auto cache = redis::make_cache(*shared, std::move(near), clock, std::move(warn));
  add_breaker_figure(metrics, "cache", [&cache = *cache] { return cache.breaker_state(); });
  metrics.gauge("stoa_cache_hears_others",
                [&cache = *cache] { return cache.hears_others() ? 1.0 : 0.0; });
  return cache;
}

}  // namespace

ReadCache::ReadCache(const Configuration& configuration, const Clock& clock,
                     telemetry::Metrics& metrics, const std::optional<redis::Settings>& shared,
                     std::function<void(const std::string&)> warn)
    : cache_(make_cache(static_cast<std::size_t>(configuration.integer("Cache:BytesMax")), clock,
                        metrics, shared, std::move(warn))),
      aside_(*cache_),
      product_seconds_max_(configuration.integer("Cache:ProductSecondsMax")) {
  const auto figure = [this](auto CacheFigures::* member) {
    return [this, member] { return static_cast<double>(cache_->figures().*member); };
  };
  metrics.counter("stoa_cache_hits_total", figure(&CacheFigures::hits));
  metrics.counter("stoa_cache_misses_total", figure(&CacheFigures::misses));
  metrics.counter("stoa_cache_refused_total", figure(&CacheFigures::refused));
  metrics.counter("stoa_cache_evictions_total", figure(&CacheFigures::evictions));
  metrics.counter("stoa_cache_loads_total", [this] { return static_cast<double>(aside_.loads()); });
  metrics.gauge("stoa_cache_bytes", figure(&CacheFigures::bytes));
  metrics.gauge("stoa_cache_entries", figure(&CacheFigures::entries));
}

catalog::PublicReads ReadCache::reads(http::Codecs codecs) {
  const auto seconds = std::to_string(product_seconds_max_);
  // `public`: a shared cache keeps what was asked for with a key only when it is told that it may.
  return {aside_, std::move(codecs),
          product_seconds_max_ == 0
              ? std::string("public, no-cache")
              : "public, max-age=" + seconds + ", stale-while-revalidate=" + seconds};
}

http::Codecs make_codecs() { return {zlib::gzip, zstd::compress}; }

}  // namespace stoa
