#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"

namespace stoa {

/// A position in the log of each of some services: `catalog=12,ordering=40`.
using PositionVector = std::vector<std::pair<std::string, std::int64_t>>;

std::string to_text(const PositionVector& positions);
/// Nothing when the text is no such vector, or names a service twice.
std::optional<PositionVector> parse_positions(std::string_view text);

/// What has become durable and can be read, so that a client reads what it was answered.
/// Thread-safe.
class Positions {
 public:
  virtual ~Positions() = default;
  /// The newest position of every service that is durable now.
  [[nodiscard]] virtual PositionVector durable() const = 0;
  /// Whether `durable` would still give `positions`. Cheap: called for every answer.
  [[nodiscard]] virtual bool stands_at(const PositionVector& positions) const = 0;
  /// Calls `then` once: with true when every query that begins from now on sees `wanted`, at once
  /// if that is so already, with false when it has not come true in time or a service is unknown.
  /// `then` runs on the caller's thread or on the one that brought the news, and does not throw.
  virtual void when_reached(PositionVector wanted, std::function<void(bool)> then) = 0;
};

/// Of logs that this process writes: a reader sees a commit as soon as it is durable.
class LocalPositions final : public Positions, public Participant {
 public:
  static constexpr std::chrono::seconds patience{2};
  static constexpr std::size_t waiting_max = 10'000;  ///< more are told no at once

  explicit LocalPositions(const Clock& clock) : clock_(clock) {}

  /// Before the executor starts; among its participants `log` stands before this.
  void add(std::string service, EventLog& log);

  [[nodiscard]] PositionVector durable() const override;
  [[nodiscard]] bool stands_at(const PositionVector& positions) const override;
  void when_reached(PositionVector wanted, std::function<void(bool)> then) override;

  void flush(UnitOfWork&) override {}
  void rolled_back() noexcept override {}
  void committed() noexcept override;
  /// Ends the waits that have lasted too long; to be called from time to time.
  void expire();

 private:
  struct Source {
    std::string service;
    const EventLog* log;
    std::int64_t head_at_start;
    [[nodiscard]] std::int64_t durable() const;
  };
  struct Wait {
    PositionVector wanted;
    Timestamp deadline;
    std::function<void(bool)> then;
  };

  [[nodiscard]] bool reached(const PositionVector& wanted) const;
  void settle(Timestamp now);

  const Clock& clock_;
  std::vector<Source> sources_;
  std::mutex mutex_;
  std::vector<Wait> waits_;
  std::atomic<std::size_t> waiting_{0};  // of waits_, to be read without the lock
};

}  // namespace stoa
