#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/eventlog/epochs.hpp"
#include "kernel/eventlog/journal.hpp"
#include "kernel/eventlog/positions.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/mediator/reader_pool.hpp"
#include "kernel/mediator/service_context.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "kernel/messaging/runners.hpp"
#include "kernel/messaging/topic.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "main/parked_messages.hpp"
#include "platform/kafka/settings.hpp"
#include "platform/postgres/database.hpp"
#include "platform/postgres/leader_lock.hpp"
#include "platform/postgres/replica.hpp"

namespace stoa {

/// The Kafka topic of an integration event: `stoa.ordering.orders` of `ordering.OrderPlaced.v1`.
std::string kafka_topic_of(std::string_view event_type);

/// The topic of what is published again for one service alone (`stoa republish --group`).
std::string replay_topic_of(std::string_view service);

/// All topics of integration events, and the replay topic of a service.
std::vector<kafka::TopicPlan> topic_plans(std::string_view service, int partitions,
                                          int replication);

/// What one process of a fleet has, whatever service runs in it: the writer and the readers of the
/// service's database, a router, the relay of its log, and a member of its consumer group, through
/// which the events of other services come. Modules are composed before start().
class ServiceHost {
 public:
  struct Options {
    std::string service;  ///< as in `ordering`: its tables, and its consumer group
    std::string member;   ///< of that group, the same after a restart; no other replica's
    postgres::Options database;
    std::string replica = {};  ///< conninfo of a standby, for what may be stale; empty: none
    std::chrono::milliseconds replica_lag_max{5'000};
    kafka::Settings kafka;
    int partitions = 1;   ///< of each topic
    int replication = 1;  ///< of each topic
    int reader_threads = 2;
    std::string shop_secret;  ///< the same in all processes of the fleet
  };
  /// All outlive it.
  struct Parts {
    const Clock& clock;
    const Crypto& crypto;
    IdSource& ids;
    const telemetry::Tracer& tracer;
    telemetry::Metrics& metrics;
    std::function<void(const std::string&)> warn;
  };

  ServiceHost(Options options, Parts parts);
  ServiceHost(const ServiceHost&) = delete;
  ServiceHost& operator=(const ServiceHost&) = delete;
  ~ServiceHost();

  /// Brings the tables of a module and its log to their newest version, and gives what the module
  /// is made of. `published` is what leaves the process of its events; null: nothing does.
  ServiceContext& add(const sql::Migrations& migrations,
                      std::optional<NewEvent> (*published)(const RecordedEvent&));

  /// More tables of the database.
  void migrate(const sql::Migrations& migrations);
  /// The same, and the writer's connection to them.
  [[nodiscard]] std::unique_ptr<sql::Connection> open_handle(const sql::Migrations& migrations);
  /// Of all tables of the database, without a log.
  [[nodiscard]] std::unique_ptr<Readers> open_readers();

  /// The events of a service of another process come to `topic`'s subscribers.
  template <class Event>
  void take(Topic<Event>& topic) {
    [&]<std::size_t... At>(std::index_sequence<At...>) {
      (take_one<At>(topic), ...);
    }(std::make_index_sequence<std::variant_size_v<Event>>{});
  }

  http::Router& router() { return router_; }
  WriteLoop& loop() { return *loop_; }
  Positions& positions();
  News& news() { return news_; }
  /// Of the logs of this database, as they were when their modules were added.
  [[nodiscard]] const ServiceEpochs& epochs() const { return epochs_; }
  /// Of the log of a service that runs here; null: it does not.
  [[nodiscard]] Readers* readers_of(std::string_view service);
  [[nodiscard]] sql::OpenDatabase opens_reader() const;
  /// Another writer of the service's database, whose turns are those of `turns`
  /// (postgres::Options).
  [[nodiscard]] std::unique_ptr<sql::Database> open_writer(const std::string& turns) const;
  /// The replica's name, the same after a restart.
  [[nodiscard]] const std::string& member() const { return options_.member; }
  /// For work that one of the replicas does, by its name.
  [[nodiscard]] std::unique_ptr<postgres::LeaderLock> make_leader_lock(std::string_view work) const;
  /// Tells what the logs gained, whoever wrote it, on a thread of the host's. Before start().
  void when_grown(std::function<void(const messaging::Growth&)> tell) {
    grown_.push_back(std::move(tell));
  }
  /// Runs work on a reader's thread; false when it cannot.
  bool in_background(std::function<void()> work);

  void start();
  /// Takes no more messages and commands; what was taken is finished.
  void stop_writing();
  void stop();

 private:
  struct Part {
    std::string prefix;
    std::unique_ptr<sql::Connection> db;
    std::unique_ptr<StoredLog> log;
    std::unique_ptr<Readers> readers;
    std::function<std::optional<NewEvent>(const RecordedEvent&)> published;
    std::unique_ptr<messaging::RelayRows> relay_rows;
    std::unique_ptr<postgres::LeaderLock> leader;
  };

  class OwnPositions;

  /// One alternative of the topic's events, in all its versions.
  template <std::size_t At, class Event>
  void take_one(Topic<Event>& topic) {
    for_each_version<std::variant_alternative_t<At, Event>>(
        [&]<class Version>(std::type_identity<Version>) {
          taken_topics_.push_back(kafka_topic_of(Version::type));
          effects_[std::string(Version::type)] = [&topic](const messaging::Message& message) {
            return topic.concerns(At) ? effect_of(topic, message) : std::nullopt;
          };
        });
  }
  template <class Event>
  static std::optional<messaging::Effect> effect_of(const Topic<Event>& topic,
                                                    const messaging::Message& message) {
    const auto event =
        std::make_shared<const Result<Event>>(read_event<Event>(message.type, message.data));
    // It is put aside, so that the others go on: another service's defect does not end this one.
    if (!*event)
      return messaging::Effect{{}, [id = message.id, event](UnitOfWork&) {
                                 throw std::runtime_error(id + ": " + event->error().detail);
                               }};
    return messaging::Effect{
        [&topic, event] { topic.prefetch(**event); },
        [&topic, event, from = Delivery{message.position, message.id, message.time}](
            UnitOfWork& unit) { topic.publish(unit, from, **event); }};
  }

  /// Nothing when nobody here is concerned with the message.
  [[nodiscard]] std::optional<messaging::Effect> effect_of(const messaging::Message& message) const;
  std::unique_ptr<messaging::Source> make_source();
  std::unique_ptr<messaging::Consumer> make_consumer(messaging::Source& source);
  void make_topics() const;
  void watch_replica();
  std::unique_ptr<Readers> readers_for(const std::string& prefix);
  void relay(Part& part);
  void listen();
  void tell_growth(const messaging::Growth& growth);

  Options options_;
  Parts shared_;
  http::Router router_;
  News news_;
  LocalPositions local_positions_;
  std::unique_ptr<OwnPositions> positions_;
  std::unique_ptr<postgres::Database> database_;
  std::unique_ptr<ReaderPool> pool_;
  std::unique_ptr<postgres::Replica> replica_;  ///< null: there is none
  std::unique_ptr<ReaderPool> replica_pool_;
  std::vector<Participant*> participants_;
  std::unique_ptr<WriteLoop> loop_;
  std::unique_ptr<Readers> background_;
  std::deque<Part> parts_;
  std::map<std::string, LogEpochs, std::less<>> log_epochs_;
  ServiceEpochs epochs_;
  std::deque<ServiceContext> contexts_;  // stay where they are: modules refer to them
  std::unique_ptr<sql::Connection> inbox_db_;
  std::unique_ptr<messaging::Inbox> inbox_;
  std::unique_ptr<ParkedMessages> parked_;
  std::vector<std::string> taken_topics_;
  std::map<std::string, std::function<std::optional<messaging::Effect>(const messaging::Message&)>,
           std::less<>>
      effects_;
  std::vector<std::function<void(const messaging::Growth&)>> grown_;
  std::unique_ptr<messaging::MessageFigures> message_figures_;
  std::vector<std::unique_ptr<messaging::Runner>> runners_;
  std::unique_ptr<messaging::Runner> listener_;  ///< wakes them
};

}  // namespace stoa
