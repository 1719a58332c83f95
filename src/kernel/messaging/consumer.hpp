#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/messaging/inbox.hpp"
#include "kernel/messaging/message.hpp"
#include "kernel/messaging/message_figures.hpp"

namespace stoa::messaging {

/// Where messages come from: one member of a consumer group. For one thread.
class Source {
 public:
  struct Received {
    Message message;
    std::int64_t offset = 0;
    /// Empty for a message that can be read; otherwise what is wrong with it.
    std::string fault;
  };

  virtual ~Source() = default;
  /// Waits until there is something, `wait` at most. Lanes come and go meanwhile: a lane that is
  /// new here begins where the service's inbox says. Throws what the messages are to be tried again
  /// for.
  virtual std::vector<Received> receive(std::size_t most, Duration wait) = 0;
  /// Messages from `offset` on come again, or from the first that is there still, if the lane is
  /// this member's still.
  virtual void go_back(const Lane& lane, std::int64_t offset) = 0;
  /// Messages behind what was received last, over all lanes, as the brokers said last.
  [[nodiscard]] virtual std::int64_t waiting() const = 0;
};

/// What a message does in the service that takes it.
struct Effect {
  /// As Executor::Work::prefetch; may be empty.
  std::function<void()> prefetch;
  std::function<void(UnitOfWork&)> run;
};

/// A message that could not be taken again and again.
struct Parked {
  Source::Received received;
  std::string reason;
};

/// Carries messages from a source into a service: a batch of them is one command, whose effects and
/// places commit together. A message that fails is tried alone, and put aside after some tries, so
/// that those behind it go on. One before which another is missing is passed over, as are those
/// behind it, until what is missing comes, and they again: its publisher sends it again, or it was
/// lost on the way to here, so that the source is asked for it from time to time; or it is gone
/// from the brokers, and an operator publishes it again in a replay lane, whose messages are judged
/// by the lane that they stand for. Messages of another epoch are passed over too. Messages that
/// nobody is concerned with are not worth a commit: they wait a little for one that is.
class Consumer {
 public:
  struct Options {
    std::size_t batch_max = 500;
    int tries_max = 5;                                   ///< of one message alone
    Duration pause = std::chrono::milliseconds(200);     ///< before what failed is tried again
    Duration gap_pause = std::chrono::seconds(2);        ///< before what is missing is asked for
    Duration hold_max = std::chrono::milliseconds(250);  ///< of messages without an effect
  };
  struct Parts {
    Source& source;
    Inbox& inbox;
    Executor& executor;
    /// Nothing: nobody here is concerned with the message. On the consumer's thread.
    std::function<std::optional<Effect>(const Message&)> effect_of;
    /// Keeps a message that is put aside, within the transaction that takes it.
    std::function<void(UnitOfWork&, const Parked&)> park;
    std::function<void(const std::string&)> warn;
    MessageFigures& figures;
    /// What an operator may do when messages of a publisher do not come, from a position of its log
    /// on: a sentence. May be empty.
    std::function<std::string(const std::string& publisher, std::int64_t from)> advise = {};
  };

  Consumer(Parts parts, Options options) : parts_(std::move(parts)), options_(options) {}

  /// One batch: receives, applies, waits until that is durable. False when nothing came.
  bool step(Duration wait);

 private:
  struct One {
    Source::Received received;
    std::optional<Effect> effect;
  };
  using Batch = std::vector<One>;
  struct Outcome;

  /// What is to be committed now.
  Batch receive(Duration wait);

  /// True when what became of it is durable.
  [[nodiscard]] bool apply(const Batch& batch, const std::string& park_reason);
  /// Waits for a transaction of one command; whether it is durable.
  bool commit(int weight, std::function<void(UnitOfWork&)> run,
              std::function<void()> prefetch = {});
  void account(const Outcome& outcome);
  /// Goes back to where something is missing, not at once: it may be on its way.
  void ask_for_missing();
  void take_one(UnitOfWork& unit, const One& one, Outcome& outcome, const std::string& park_reason);
  void pass_over_gap(const Message& message, Outcome& outcome);
  /// Nothing of what stands there is to be taken any more; for replay lanes, whose messages may be
  /// of any lane.
  void move_on(const Source::Received& one, const Outcome& outcome);
  void one_by_one(const Batch& batch);
  /// Whether a transaction that does nothing can be committed now.
  [[nodiscard]] bool is_store_well();
  void all_again(const Batch& rest);

  Parts parts_;
  Options options_;
  Batch held_;
  std::chrono::steady_clock::time_point held_until_;
  std::set<Lane> warned_;  ///< lanes whose messages are passed over, since one was taken last
  /// Of a lane, from when messages of it were passed over until they have come again.
  struct Gap {
    std::int64_t offset = 0;     ///< behind what was taken last
    std::int64_t position = 0;   ///< of what was taken last, wherever it stood
    int asked = 0;               ///< so often
    bool is_read_again = false;  ///< and nothing was passed over since
    Duration pause = {};         ///< longer each time
    std::chrono::steady_clock::time_point due = {};
  };
  std::map<Lane, Gap> missing_;
};

}  // namespace stoa::messaging
