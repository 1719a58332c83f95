#pragma once

#include <memory>
#include <vector>

#include "kernel/jobs/jobs.hpp"

namespace stoa::jobs {

/// A projection that can be built anew beside the live one, which serves on until the new one has
/// come to the head of the log and takes its place.
class Projection {
 public:
  struct Step {
    std::int64_t done = 0;  ///< of `total`, in events
    std::int64_t total = 0;
    bool finished = false;  ///< the new one is live, and nothing is left of the old
  };

  virtual ~Projection() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Worker's thread: before the first step of a job, and again when it is taken up after a
  /// restart; `resumed` tells which.
  virtual void prepare(bool resumed) = 0;
  /// Worker's thread, before each step: may wait a moment for work that is done elsewhere.
  virtual void pause() {}
  /// Writer's thread, in a transaction that keeps the step or undoes it.
  virtual Step step(UnitOfWork& unit) = 0;
};

/// The kind `rebuild` with the parameter `projection`. The projections outlive it.
std::unique_ptr<Kind> make_rebuild_kind(std::vector<Projection*> projections);

}  // namespace stoa::jobs
