#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/messaging/task_queue.hpp"
#include "platform/rabbitmq/settings.hpp"

struct amqp_connection_state_t_;

namespace stoa::rabbitmq {

struct Outgoing {
  std::string exchange = {};  ///< empty: the one that leads to the queue named by the key
  std::string key;
  messaging::Task task;
  int tries = 0;  ///< that it has had
  std::string correlation_id = {};
  std::string reply_to = {};           ///< where an answer is awaited
  std::chrono::milliseconds lives{0};  ///< then it is dropped; 0: for ever
  bool must_arrive = true;             ///< stored on disk, and a missing queue is a failure
};

struct Incoming {
  std::uint64_t tag = 0;  ///< for `acknowledge` and `refuse` of the same link
  messaging::Task task;
  int tries = 0;  ///< that it had before
  std::string correlation_id = {};
  std::string reply_to = {};
};

struct QueueCount {
  std::int64_t ready = 0, consumers = 0;
};

using Argument = std::pair<std::string, std::variant<std::int64_t, bool, std::string>>;

/// One connection with one channel, for one thread. Every wait has a deadline: the settings' for an
/// answer, and twice the heartbeat for a broker that has stopped reading or sending. After a
/// Failure it is of no use any more.
class Link {
 public:
  explicit Link(const Settings& settings);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  /// They are durable, and may be there already with the same arguments.
  void declare_queue(const std::string& name, const std::vector<Argument>& arguments);
  void declare_exchange(const std::string& name);
  void bind(const std::string& queue, const std::string& exchange, const std::string& key);
  void remove_queue(const std::string& name);
  [[nodiscard]] QueueCount count(const std::string& queue);

  /// From now on the broker confirms what is published.
  void ask_for_confirmations();
  void publish(const Outgoing& message);
  /// Waits until all that was published is durable; a Failure when it is not, or not in time.
  void wait_for_confirmations();

  /// Messages come, at most `unacknowledged` at once.
  void consume(const std::string& queue, std::uint16_t unacknowledged);
  /// Answers to what this link publishes with `reply_to` of `answers_come`.
  void consume_answers();
  [[nodiscard]] std::optional<Incoming> receive(Duration wait);
  /// The next one that is ready now.
  [[nodiscard]] std::optional<Incoming> get(const std::string& queue);
  void acknowledge(std::uint64_t tag);
  void refuse(std::uint64_t tag);  ///< to the dead letters

  static constexpr const char* answers_come = "amq.rabbitmq.reply-to";

 private:
  void open_socket(const Settings& settings);
  void log_in(const Settings& settings);
  void consume(const char* queue, bool needs_acknowledgement);
  void check(const std::string& what);
  void check_status(int status, const std::string& what);
  /// A frame that is no delivery: confirms, or tells that something is over.
  void take_other_frame(std::chrono::milliseconds wait);
  void confirmed(std::uint64_t tag, bool multiple);

  Settings settings_;
  amqp_connection_state_t_* state_;
  bool is_well_ = false;
  bool confirms_ = false;
  std::uint64_t published_ = 0;
  std::set<std::uint64_t> unconfirmed_;
};

}  // namespace stoa::rabbitmq
