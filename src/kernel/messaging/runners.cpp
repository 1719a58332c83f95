#include "kernel/messaging/runners.hpp"

#include "kernel/eventlog/stored_log.hpp"
#include "kernel/messaging/loop.hpp"

namespace stoa::messaging {
namespace {

constexpr std::chrono::milliseconds failure_pause{500};
constexpr std::chrono::milliseconds receive_wait{100};
constexpr std::chrono::milliseconds store_interval{200};
constexpr std::chrono::milliseconds pace{5};  ///< of looks at a log that grows
constexpr std::chrono::milliseconds look_interval{
    250};  ///< at a log of whose growth nothing is heard

class RelayLoop final : public Loop {
 public:
  explicit RelayLoop(RelayRunnerParts parts) : parts_(std::move(parts)) { start(); }
  ~RelayLoop() override { stop(); }

 private:
  Pause step() override {
    try {
      if (!parts_.is_leader()) {
        relay_.reset();
        return {store_interval, store_interval};
      }
      if (!relay_) begin();
      const auto failures = relay_->failures();
      const auto forgotten = relay_->forgotten();
      reader_->begin();
      const bool more = relay_->step(*log_);
      reader_->rollback();
      if (relay_->failures() > failures)
        parts_.warn("The brokers did not confirm what " + parts_.outlet.service +
                    " published: it is published again.");
      if (relay_->forgotten() > forgotten)
        parts_.warn("The brokers have lost what they had confirmed of " + parts_.outlet.service +
                    "'s messages: it is published again.");
      store(false);
      return more ? Pause{} : Pause{pace, look_interval};
    } catch (const std::exception& e) {
      parts_.warn("The log of " + parts_.outlet.service + " is not published: " + e.what());
      if (reader_) reader_->rollback();
      relay_.reset();
      return {failure_pause, failure_pause};
    }
  }
  void end() override {
    if (relay_) store(true);
  }

  void begin() {
    if (!reader_) {
      reader_ = parts_.open_reader();
      db_ = reader_->handle(parts_.prefix);
      log_ = make_stored_log(*db_, parts_.prefix, parts_.crypto);
    }
    if (!publisher_) publisher_ = parts_.make_publisher();
    reader_->begin();
    auto progress = RelayRows(*db_, parts_.prefix).load();
    const auto epoch = log_->epoch();
    reader_->rollback();
    stored_ = progress.position;
    relay_.emplace(parts_.outlet, *publisher_, std::move(progress), epoch);
  }

  void store(bool at_once) {
    const auto now = std::chrono::steady_clock::now();
    if (relay_->confirmed().position == stored_ || (!at_once && now < next_store_)) return;
    next_store_ = now + store_interval;
    stored_ = relay_->confirmed().position;
    // Nobody waits for it: what is lost is published again, and known for a repeat.
    static_cast<void>(
        parts_.executor.submit({.lane = Executor::Lane::inside,
                                .cause = {.actor = "system", .causation = "relay"},
                                .run = [&rows = parts_.rows, progress = relay_->confirmed()](
                                           UnitOfWork&) { rows.store(progress); },
                                .done = {}}));
  }

  RelayRunnerParts parts_;
  std::unique_ptr<sql::Database> reader_;
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
  std::unique_ptr<Publisher> publisher_;
  std::optional<Relay> relay_;
  std::int64_t stored_ = 0;
  std::chrono::steady_clock::time_point next_store_;
};

class ConsumerLoop final : public Loop {
 public:
  ConsumerLoop(std::function<std::unique_ptr<Source>()> make_source,
               std::function<std::unique_ptr<Consumer>(Source&)> make_consumer,
               std::function<void(const std::string&)> warn)
      : make_source_(std::move(make_source)),
        make_consumer_(std::move(make_consumer)),
        warn_(std::move(warn)) {
    start();
  }
  ~ConsumerLoop() override { stop(); }

 private:
  Pause step() override {
    try {
      if (!source_) {
        source_ = make_source_();
        consumer_ = make_consumer_(*source_);
      }
      consumer_->step(receive_wait);
      return {};
    } catch (const std::exception& e) {
      warn_(std::string("Messages are not received: ") + e.what());
      end();
      return {failure_pause, failure_pause};
    }
  }
  void end() override {
    consumer_.reset();
    source_.reset();
  }

  std::function<std::unique_ptr<Source>()> make_source_;
  std::function<std::unique_ptr<Consumer>(Source&)> make_consumer_;
  std::function<void(const std::string&)> warn_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Consumer> consumer_;
};

class FollowerLoop final : public Loop {
 public:
  FollowerLoop(const std::vector<std::string>& prefixes, sql::OpenDatabase open_reader,
               std::function<void(const Growth&)> grown,
               std::function<void(const std::string&)> warn)
      : open_reader_(std::move(open_reader)), grown_(std::move(grown)), warn_(std::move(warn)) {
    for (const auto& prefix : prefixes)
      logs_.push_back({prefix, "SELECT max(position) FROM " + prefix + "log",
                       "SELECT position, stream FROM " + prefix +
                           "log WHERE position > ? ORDER BY position LIMIT 1000"});
    start();
  }
  ~FollowerLoop() override { stop(); }

 private:
  struct Followed {
    std::string prefix, head, next;
    std::int64_t seen = -1;  ///< nothing yet
  };

  Pause step() override {
    try {
      if (!reader_) {
        reader_ = open_reader_();
        db_ = reader_->handle("");
      }
      std::vector<Growth> growths;
      reader_->begin();
      for (auto& one : logs_) look(one, growths);
      reader_->rollback();
      for (const auto& growth : growths) grown_(growth);
      return {pace, look_interval};
    } catch (const std::exception& e) {
      warn_(std::string("The log is not followed: ") + e.what());
      end();
      return {failure_pause, failure_pause};
    }
  }
  void end() override {
    db_.reset();
    reader_.reset();
  }
  void look(Followed& one, std::vector<Growth>& growths) {
    Growth growth{one.prefix, one.seen < 0, one.seen};
    if (growth.is_first) {
      one.seen = db_->one(one.head, [](const sql::Row& row) { return row.integer(0); }).value_or(0);
      growth.after = one.seen;
    } else {
      db_->query(
          one.next,
          [&](const sql::Row& row) {
            one.seen = row.integer(0);
            growth.events.emplace_back(one.seen, row.text(1));
          },
          growth.after);
    }
    if (growth.is_first || !growth.events.empty()) growths.push_back(std::move(growth));
  }

  std::vector<Followed> logs_;
  sql::OpenDatabase open_reader_;
  std::function<void(const Growth&)> grown_;
  std::function<void(const std::string&)> warn_;
  std::unique_ptr<sql::Database> reader_;
  std::unique_ptr<sql::Connection> db_;
};

class ListenerLoop final : public Loop {
 public:
  ListenerLoop(std::function<std::unique_ptr<CommitListener>()> open,
               std::function<void()> committed)
      : open_(std::move(open)), committed_(std::move(committed)) {
    start();
  }
  ~ListenerLoop() override { stop(); }

 private:
  /// Who waits cannot be interrupted, and a process that stops waits for it.
  static constexpr std::chrono::milliseconds wait{200};

  Pause step() override {
    try {
      const bool may_have_missed = !listener_;
      if (!listener_) listener_ = open_();
      if (listener_->wait(may_have_missed ? Duration::zero() : wait) || may_have_missed)
        committed_();
      return {};
    } catch (const std::exception&) {  // those who look now and then tell it
      listener_.reset();
      return {failure_pause, failure_pause};
    }
  }
  void end() override { listener_.reset(); }

  std::function<std::unique_ptr<CommitListener>()> open_;
  std::function<void()> committed_;
  std::unique_ptr<CommitListener> listener_;
};

}  // namespace

std::unique_ptr<Runner> follow_logs(const std::vector<std::string>& prefixes,
                                    sql::OpenDatabase open_reader,
                                    std::function<void(const Growth&)> grown,
                                    std::function<void(const std::string&)> warn) {
  return std::make_unique<FollowerLoop>(prefixes, std::move(open_reader), std::move(grown),
                                        std::move(warn));
}

std::unique_ptr<Runner> run_listener(std::function<std::unique_ptr<CommitListener>()> open,
                                     std::function<void()> committed) {
  return std::make_unique<ListenerLoop>(std::move(open), std::move(committed));
}

std::unique_ptr<Runner> run_relay(RelayRunnerParts parts) {
  return std::make_unique<RelayLoop>(std::move(parts));
}

std::unique_ptr<Runner> run_consumer(
    std::function<std::unique_ptr<Source>()> make_source,
    std::function<std::unique_ptr<Consumer>(Source&)> make_consumer,
    std::function<void(const std::string&)> warn) {
  return std::make_unique<ConsumerLoop>(std::move(make_source), std::move(make_consumer),
                                        std::move(warn));
}

}  // namespace stoa::messaging
