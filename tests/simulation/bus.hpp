#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/eventlog/journal.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/messaging/topic.hpp"
#include "kernel/sql/connection.hpp"
#include "simulation/world.hpp"

namespace stoa::simulation {

/// How events come from service to service. In the embedded schedule subscribers react in the
/// publisher's transaction, and the bus only notes in the shop's file, in the transaction of the
/// effect, what every topic brought (`sim_seen`). In the fleet's schedule an event is brought
/// later, perhaps again, in order within a partition of its topic and in any order between
/// partitions; a subscriber's checkpoint is kept with its effect, and after a restart the log is
/// read from there.
class Bus final : public Participant {
 public:
  static constexpr std::size_t partitions = 3;
  static constexpr std::string_view schema =
      "CREATE TABLE sim_seen(topic TEXT NOT NULL, position INTEGER NOT NULL, stream TEXT NOT NULL,"
      " event_id TEXT NOT NULL, PRIMARY KEY(topic, position)) WITHOUT ROWID;"
      "CREATE INDEX sim_seen_stream ON sim_seen(topic, stream, position);"
      "CREATE TABLE sim_checkpoint(topic TEXT NOT NULL, subscriber INTEGER NOT NULL,"
      " part INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY(topic, subscriber, part))"
      " WITHOUT ROWID;";

  Bus(World& world, Executor& executor, sql::Connection& db)
      : world_(world), executor_(executor), db_(db) {}

  /// After the topic's other subscribers. `translate` gives what a row of its log publishes.
  template <class Event, class Translate>
  void carry(const std::string& name, Topic<Event>& topic, EventLog& log, Translate translate) {
    topic.subscribe(std::make_shared<Noting<Event>>(*this, name));
    published_[name] = [&log, translate](const std::function<void(const Delivery&)>& each) {
      log.read_all(0, [&](const RecordedEvent& row) {
        if (translate(row)) each(delivery_of(row));
        return true;
      });
    };
    if (!world_.faults.fleet_schedule) return;
    topic.carry_by([this, name](UnitOfWork&, std::size_t subscriber, const Delivery& delivery,
                                UnitOfWork::Step handle) {
      pending_.push_back({name, subscriber, {delivery, std::move(handle)}});
    });
    UnitOfWork unit(world_.now());
    log.read_all(0, [&](const RecordedEvent& row) {
      if (const auto event = translate(row)) topic.publish(unit, delivery_of(row), *event);
      return true;
    });
    recover();
  }

  [[nodiscard]] bool is_empty() const;
  /// What a topic published by its log and what its subscribers saw are the same.
  void check() const;

  void flush(UnitOfWork&) override {}
  void rolled_back() noexcept override { pending_.clear(); }
  void committed() noexcept override;

 private:
  template <class Event>
  struct Noting {
    Bus& bus;
    std::string name;
    void on(UnitOfWork&, const Delivery& delivery, const auto& event) {
      const auto sent = encode_event(Event(event));
      static_cast<void>(decode_event<Event>(sent.type, sent.data));  // as another process would
      bus.note(name, delivery);
    }
  };
  struct Message {
    Delivery delivery;
    UnitOfWork::Step handle;
  };
  struct Pending {
    std::string topic;
    std::size_t subscriber;
    Message message;
  };
  struct Queue {
    std::string topic;
    std::size_t subscriber = 0, part = 0;
    std::deque<Message> waiting;
    std::deque<Message> recent;
    bool is_busy = false;
  };

  static Delivery delivery_of(const RecordedEvent& row) {
    return {row.position, row.stream + "@" + std::to_string(row.revision), row.recorded_at};
  }
  void note(const std::string& topic, const Delivery& delivery);
  void recover();
  Queue& queue_of(const std::string& topic, std::size_t subscriber, const Delivery& delivery);
  void pump(Queue& queue);
  void bring(Queue& queue);

  World& world_;
  Executor& executor_;
  sql::Connection& db_;
  std::vector<Pending> pending_;
  std::map<std::string, Queue> queues_;
  std::map<std::string, std::function<void(const std::function<void(const Delivery&)>&)>>
      published_;
};

}  // namespace stoa::simulation
