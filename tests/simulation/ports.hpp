#pragma once

#include <memory>

#include "kernel/base/crypto.hpp"
#include "kernel/base/ids.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

/// UUIDv7 of the world's clock and of a seed.
class SeededIds final : public IdSource {
 public:
  SeededIds(const Clock& clock, Random random) : clock_(clock), random_(random) {}
  Uuid next() override;

 private:
  const Clock& clock_;
  Random random_;
  std::int64_t last_ms_ = 0;
  std::uint64_t count_ = 0;
};

/// Real hashes; seeded randomness, and a sealing that only looks like one: what it sealed can be
/// opened with the same key and context and no other.
std::unique_ptr<Crypto> make_seeded_crypto(Random random);

}  // namespace stoa::simulation
