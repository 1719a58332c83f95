#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/messaging/message.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa::messaging {

/// The last message of a lane.
struct Tail {
  std::int64_t epoch = 0;
  std::int64_t position = 0;  ///< 0: nothing was ever written to the lane
};

/// Where messages go. For one thread.
class Publisher {
 public:
  virtual ~Publisher() = default;
  [[nodiscard]] virtual int partitions(const std::string& topic) = 0;
  /// What stands last in lanes at the brokers; not of those that cannot tell, for all that was
  /// there is deleted by age, or the last is no message of a Stoa. Throws when the brokers do not
  /// answer.
  [[nodiscard]] virtual std::map<Lane, Tail> tails(const std::vector<Lane>& lanes);
  /// Whether the brokers were away since this was asked last, or may have been: they may have lost
  /// what they had confirmed. Then what was sent and not confirmed is dropped.
  [[nodiscard]] virtual bool was_cut() { return false; }
  /// Takes a message and does not wait. Those of a lane arrive in order, or not at all from the
  /// first that fails on.
  virtual void send(Message message) = 0;
  /// Waits until all that was sent is durable at the brokers; false when some of it is not, or is
  /// not known to be: then nothing that was not confirmed is.
  [[nodiscard]] virtual bool confirm() = 0;
  /// The same of what was sent before the last call of it; what came since is on its way.
  [[nodiscard]] virtual bool confirm_earlier() { return confirm(); }
};

/// How far a service's log was published, in its tables `<prefix>relay` and `<prefix>relay_lane`.
struct RelayProgress {
  std::int64_t position = 0;               ///< of the log; all before it is confirmed
  std::map<Lane, std::int64_t> positions;  ///< of the last message of each lane
};

class RelayRows {
 public:
  RelayRows(sql::Connection& db, std::string_view prefix);
  static std::string schema(std::string_view prefix);
  [[nodiscard]] RelayProgress load();
  void store(const RelayProgress& progress);

 private:
  sql::Connection& db_;
  std::string load_, store_, load_lanes_, store_lane_;
};

/// What a service publishes.
struct Outlet {
  std::string service;
  /// The integration event of a stored one, if it has one.
  std::function<std::optional<NewEvent>(const RecordedEvent&)> published;
  std::string (*topic_of)(std::string_view type) = nullptr;
};

/// Of a relay that publishes a part of a log once more, whatever the brokers have.
struct RelaySection {
  std::int64_t last = std::numeric_limits<std::int64_t>::max();  ///< position to end with
  std::function<Lane(const Lane&)> carrier = {};  ///< of a lane's messages; empty: the lane
};

/// Carries a service's log to its topics, in order. The log is what is true, and the brokers need
/// not keep what they confirmed: at first, and when they were away, it looks what stands last in
/// each lane, and goes on behind that. Some messages may come twice: whoever takes them knows them
/// by their positions. Two at once do no harm either, for the positions of a lane say what follows
/// what. For one thread.
class Relay {
 public:
  Relay(Outlet outlet, Publisher& publisher, RelayProgress progress, std::int64_t epoch,
        std::optional<RelaySection> section = {})
      : outlet_(std::move(outlet)),
        publisher_(publisher),
        epoch_(epoch),
        section_(std::move(section)),
        confirmed_(std::move(progress)),
        sent_(confirmed_) {}

  /// Publishes what stands behind what was sent, some hundred events at most; true when there may
  /// be more: then these are on their way to the brokers while the next ones are read. False also
  /// when the brokers did not confirm something: it is sent again then. Throws when the brokers do
  /// not tell what they have.
  bool step(EventLog& log);

  [[nodiscard]] const RelayProgress& confirmed() const { return confirmed_; }
  [[nodiscard]] std::int64_t published() const { return published_; }
  [[nodiscard]] std::int64_t failures() const { return failures_; }
  /// Lanes whose last messages the brokers had confirmed, and lost.
  [[nodiscard]] std::int64_t forgotten() const { return forgotten_; }

 private:
  void look();
  /// False when it stands in its lane already.
  bool send(const RecordedEvent& row, const NewEvent& event);

  Outlet outlet_;
  Publisher& publisher_;
  std::int64_t epoch_;
  std::optional<RelaySection> section_;
  RelayProgress confirmed_, sent_;  ///< sent_ is not behind confirmed_
  std::int64_t unconfirmed_ = 0;    ///< messages between the two
  bool has_looked_ = false;
  std::atomic<std::int64_t> published_ = 0, failures_ = 0, forgotten_ = 0;
};

/// The lane of a key: the same for ever while the topic keeps its partitions.
Lane lane_of(const std::string& topic, std::string_view key, int partitions);

}  // namespace stoa::messaging
