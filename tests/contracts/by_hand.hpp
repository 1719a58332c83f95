#pragma once

#include <functional>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/mediator/executor.hpp"

namespace stoa {

/// Stands until the test lets time pass.
class HandClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return now_; }
  void pass(Duration time) { now_ += time; }

 private:
  Timestamp now_ = *from_rfc3339("2026-11-24T12:00:00Z");
};

/// Keeps what is submitted until the test runs it.
class HandExecutor final : public Executor {
 public:
  bool submit(Work work) override {
    works.push_back(std::move(work));
    return true;
  }
  void every(Duration, std::function<void(UnitOfWork&)>) override {}
  std::vector<Work> works;
};

}  // namespace stoa
