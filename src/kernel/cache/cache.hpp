#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kernel/base/clock.hpp"

namespace stoa {

struct CacheFigures {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t refused = 0;    ///< sets that were too old or too large
  std::uint64_t evictions = 0;  ///< for want of room
  std::size_t bytes = 0;
  std::size_t entries = 0;  ///< tombstones too
};

/// Values by key, each with the revision that it was read at: a number that grows with every change
/// of what they are read from (a position in a log). Thread-safe. What is in it may be gone at any
/// time; what is not newest is never put back: an invalidation leaves a tombstone that refuses
/// values read before it.
class Cache {
 public:
  struct Entry {
    std::int64_t revision = 0;
    std::shared_ptr<const std::string> value;
  };
  using Found = std::function<void(std::optional<Entry>)>;

  virtual ~Cache() = default;
  /// Calls `found` once, perhaps before it returns.
  virtual void get(const std::string& key, const Found& found) = 0;
  /// What is found without asking anybody, at once; nothing: `get` may find it. Only a hit counts.
  [[nodiscard]] virtual std::optional<Entry> peek(const std::string& key) = 0;
  /// Keeps `value` for `ttl` at most, unless the key has a value of this revision or a newer one,
  /// or was invalidated at a newer one.
  virtual void set_if_newer(const std::string& key, std::int64_t revision, std::string value,
                            Duration ttl) = 0;
  /// A load that `get` led to has ended without a value to set. Others need not wait for it.
  virtual void abandon(const std::string& /*key*/) {}
  /// When it returns, nobody in this process is given a value of the key older than `revision`, nor
  /// can set one; nor soon in others that share the cache.
  virtual void invalidate(const std::string& key, std::int64_t revision) = 0;
  [[nodiscard]] virtual CacheFigures figures() const = 0;
};

/// A cache in front of one that is further away.
class NearCache : public Cache {
 public:
  /// Tombstones stand.
  virtual void forget_values() = 0;
};

/// In this process, of `bytes_max` bytes, the least recently used forgotten first; 0: keeps
/// nothing.
std::unique_ptr<NearCache> make_memory_cache(std::size_t bytes_max, const Clock& clock);

}  // namespace stoa
