#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/http/upstream.hpp"
#include "kernel/resilience/circuit_breaker.hpp"

namespace stoa {

/// The replicas of one service as a gateway knows them: where they are, which are well, how much
/// each has to do. Logic alone, thread-safe.
class Instances {
 public:
  static constexpr int failed_probes_max = 2;  ///< then an instance is down until one succeeds
  /// For a second after five requests in a row that it did not answer, or until a probe succeeds,
  /// an instance gets none.
  static constexpr CircuitBreaker::Options breaker{5, std::chrono::seconds(1)};

  class Instance;
  using InstancePtr = std::shared_ptr<Instance>;

  /// The replicas from now on. Those that stay keep what is known of them; a new one is taken for
  /// well until a probe says otherwise.
  void set(const std::vector<http::Origin>& origins);

  /// Two of those that are well, by chance, and of these the one with less to do ("the power of two
  /// choices", Mitzenmacher 2001); any other than `but` if there is one. When none is well, all are
  /// tried: a probe may err. Null when there is none, or no breaker lets a request through. Who
  /// takes one tells its end by `ended`.
  [[nodiscard]] InstancePtr pick(std::uint64_t chance, Timestamp now,
                                 const InstancePtr& but = nullptr);
  /// `answered`: it gave an answer, whatever it was.
  void ended(const InstancePtr& instance, bool answered, Timestamp now);

  void probed(const InstancePtr& instance, bool well);
  [[nodiscard]] std::vector<InstancePtr> all() const;
  [[nodiscard]] std::size_t well() const;

 private:
  mutable std::mutex mutex_;
  std::vector<InstancePtr> instances_;
};

class Instances::Instance {
 public:
  explicit Instance(http::Origin origin) : origin_(std::move(origin)) {}
  [[nodiscard]] const http::Origin& origin() const { return origin_; }

 private:
  friend class Instances;
  const http::Origin origin_;
  // Guarded by the mutex of its Instances.
  int outstanding_ = 0;
  int failed_probes_ = 0;
  CircuitBreaker breaker_{breaker};
};

}  // namespace stoa
