#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <thread>

#include "kernel/jobs/rebuild.hpp"

namespace stoa::catalog {

/// How far a projection with a thread of its own has come: the one that is built, while one is, or
/// the live one.
struct BuildStatus {
  bool rebuilding = false;
  std::int64_t position = 0;  ///< of the log
  std::int64_t lag = 0;       ///< events beyond it
};

/// Rebuilds a projection that its own thread builds. `P` has, thread-safe, `rebuild()`, which asks
/// for it (with `resumed` where it can go on with one that was begun), `built()`, which counts the
/// built ones that went live, and `build_status()`. It outlives this.
template <class P>
class Rebuild final : public jobs::Projection {
 public:
  Rebuild(std::string_view name, P& projection) : name_(name), projection_(projection) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  void prepare(bool resumed) override {
    built_before_ = projection_.built();
    const auto status = projection_.build_status();
    head_before_ = status.position + status.lag;
    ask(resumed);
  }
  void pause() override {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    // A build that failed is begun again.
    const bool building = projection_.build_status().rebuilding;
    if (!building && projection_.built() == built_before_) ask(true);
  }
  Step step(UnitOfWork&) override {
    const auto status = projection_.build_status();
    return {status.position, status.position + status.lag,
            projection_.built() > built_before_ && status.position >= head_before_};
  }

 private:
  void ask(bool resumed) {
    if constexpr (requires { projection_.rebuild(resumed); })
      projection_.rebuild(resumed);
    else
      projection_.rebuild();
  }

  std::string_view name_;
  P& projection_;
  std::int64_t built_before_ = 0;
  std::int64_t head_before_ = 0;  ///< what was written before is found afterwards
};

}  // namespace stoa::catalog
