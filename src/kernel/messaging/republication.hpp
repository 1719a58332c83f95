#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "kernel/messaging/relay.hpp"

namespace stoa::messaging {

/// Publishes a part of a log once more, just as its relay did: the same ids, positions and previous
/// positions, in other lanes. Whoever has taken a message knows it for a repeat. For one thread.
class Republication {
 public:
  /// Positions, both of them within.
  struct Range {
    std::int64_t from = 1;
    std::int64_t to = 0;
  };

  /// `carrier` names the lane that the messages of a lane go to.
  Republication(Outlet outlet, Publisher& publisher, std::int64_t epoch, Range range,
                std::function<Lane(const Lane&)> carrier);

  /// Some thousand events; false at the end. Throws std::runtime_error when the brokers do not
  /// confirm them.
  bool step(EventLog& log);

  /// Of the log, read so far. What stands before the range is read for the previous positions.
  [[nodiscard]] std::int64_t position() const;
  [[nodiscard]] std::int64_t published() const { return relay_ ? relay_->published() : 0; }

 private:
  /// Takes messages and keeps none.
  class Nowhere final : public Publisher {
   public:
    explicit Nowhere(Publisher& real) : real_(real) {}
    int partitions(const std::string& topic) override { return real_.partitions(topic); }
    void send(Message) override {}
    bool confirm() override { return true; }

   private:
    Publisher& real_;
  };

  Outlet outlet_;
  Publisher& publisher_;
  std::int64_t epoch_;
  Range range_;
  std::function<Lane(const Lane&)> carrier_;
  Nowhere nowhere_;
  Relay before_;                ///< what stands before the range
  std::optional<Relay> relay_;  ///< the range, once the other is through
};

}  // namespace stoa::messaging
