#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/messaging/message.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa::messaging {

/// Where messages go. For one thread.
class Publisher {
 public:
  virtual ~Publisher() = default;
  [[nodiscard]] virtual int partitions(const std::string& topic) = 0;
  /// Takes a message and does not wait. Those of a lane arrive in order, or not at all from the
  /// first that fails on.
  virtual void send(Message message) = 0;
  /// Waits until all that was sent is durable at the brokers; false when some of it is not, or is
  /// not known to be.
  [[nodiscard]] virtual bool confirm() = 0;
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
  std::optional<NewEvent> (*published)(const RecordedEvent&) = nullptr;
  std::string (*topic_of)(std::string_view type) = nullptr;
};

/// Carries a service's log to its topics, in order. It goes on from what was confirmed, so that
/// after a crash some messages come again: whoever takes them knows them by their positions. Two at
/// once do no harm either, for the positions of a lane say what follows what. For one thread.
class Relay {
 public:
  Relay(Outlet outlet, Publisher& publisher, RelayProgress progress, std::int64_t epoch)
      : outlet_(std::move(outlet)),
        publisher_(publisher),
        epoch_(epoch),
        confirmed_(std::move(progress)) {}

  /// Publishes what stands behind the confirmed position, some thousand events at most; true when
  /// there may be more. False also when the brokers did not confirm it: it is sent again then.
  bool step(EventLog& log);

  [[nodiscard]] const RelayProgress& confirmed() const { return confirmed_; }
  [[nodiscard]] std::int64_t published() const { return published_; }
  [[nodiscard]] std::int64_t failures() const { return failures_; }

 private:
  void send(const RecordedEvent& row, const NewEvent& event, RelayProgress& progress);

  Outlet outlet_;
  Publisher& publisher_;
  std::int64_t epoch_;
  RelayProgress confirmed_;
  std::atomic<std::int64_t> published_ = 0, failures_ = 0;
};

/// The lane of a key: the same for ever while the topic keeps its partitions.
Lane lane_of(const std::string& topic, std::string_view key, int partitions);

}  // namespace stoa::messaging
