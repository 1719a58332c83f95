#include "main/service_host.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include "kernel/mediator/replica_readers.hpp"
#include "kernel/sql/migrate.hpp"
#include "main/log_epochs.hpp"
#include "main/next_version.hpp"
#include "platform/kafka/publisher.hpp"
#include "platform/kafka/source.hpp"
#include "platform/postgres/commit_listener.hpp"

namespace stoa {
namespace {

constexpr std::chrono::seconds replay_interval{1};
constexpr std::chrono::milliseconds write_pace{5};

/// Names of leader locks: the prefix of a log that is relayed, and other work.
std::int64_t lock_name(std::string_view work) {
  constexpr std::int64_t first = 7'824'200;
  return first + messaging::lane_of("", work, 100).partition;
}

constexpr std::array all_topics{
    "stoa.catalog.products", "stoa.catalog.stock",      "stoa.ordering.orders",
    "stoa.payment.payments", "stoa.agents.assessments", "stoa.notification.messages",
    "stoa.shop.settings",
};

}  // namespace

std::string kafka_topic_of(std::string_view event_type) {
  const auto begins = [&](std::string_view with) { return event_type.starts_with(with); };
  if (begins("catalog.Product")) return "stoa.catalog.products";
  if (begins("catalog.")) return "stoa.catalog.stock";
  if (begins("ordering.")) return "stoa.ordering.orders";
  if (begins("payment.")) return "stoa.payment.payments";
  if (begins("agents.")) return "stoa.agents.assessments";
  if (begins("notification.")) return "stoa.notification.messages";
  return "stoa.shop.settings";
}

std::string replay_topic_of(std::string_view service) {
  return "stoa.replay." + std::string(service);
}

std::vector<kafka::TopicPlan> topic_plans(std::string_view service, int partitions,
                                          int replication) {
  std::vector<kafka::TopicPlan> plans;
  plans.reserve(all_topics.size() + 1);
  for (const auto* topic : all_topics) plans.push_back({topic, partitions, replication});
  // One partition, so that what is replayed keeps the order of the log.
  plans.push_back({replay_topic_of(service), 1, replication});
  return plans;
}

/// Positions of this process's logs, also those that another replica wrote: what it answered with
/// stands in the database that both share. Of other services it knows nothing, and waits for none.
class ServiceHost::OwnPositions final : public Positions {
 public:
  OwnPositions(LocalPositions& local, Readers& readers) : local_(local), readers_(readers) {}

  /// The log of a prefix has come so far, whoever wrote it.
  void grown(std::string_view prefix, std::int64_t head) {
    const std::lock_guard lock(mutex_);
    heads_[std::string(prefix.substr(0, prefix.size() - 1))] = head;
  }

  [[nodiscard]] PositionVector durable() const override {
    auto positions = local_.durable();
    const std::lock_guard lock(mutex_);
    for (auto& [service, position] : positions)
      if (const auto head = heads_.find(service); head != heads_.end())
        position = std::max(position, head->second);
    return positions;
  }
  [[nodiscard]] bool stands_at(const PositionVector& positions) const override {
    return positions == durable();
  }
  void when_reached(PositionVector wanted, std::function<void(bool)> then) override {
    const auto known = durable();
    std::erase_if(wanted, [&](const auto& one) {
      const auto at = std::ranges::find(known, one.first, &PositionVector::value_type::first);
      return at == known.end() || at->second >= one.second;
    });
    if (wanted.empty()) return then(true);
    const auto look = [wanted, then](Store store) {
      then(std::ranges::all_of(wanted, [&](const auto& one) {
        return store.db.one("SELECT max(position) FROM " + one.first + "_log",
                            [](const sql::Row& row) { return row.integer(0); }) >= one.second;
      }));
    };
    if (!readers_.submit(look, [then] { then(false); })) then(false);
  }

 private:
  LocalPositions& local_;
  Readers& readers_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t, std::less<>> heads_;
};

ServiceHost::ServiceHost(Options options, Parts parts)
    : options_(std::move(options)),
      shared_(std::move(parts)),
      local_positions_(shared_.clock),
      database_(postgres::open(options_.database, postgres::Database::Mode::writer)) {
  const auto inbox = messaging::Inbox::schema("host_");
  const auto epochs = log_epochs_schema();
  auto scripts = ParkedMessages::schema();
  scripts.insert(scripts.begin(), inbox);
  constexpr std::int64_t without_epochs = 3;
  scripts.emplace_back(epochs);
  sql::migrate(*database_, {"host_", scripts, {}, without_epochs});
  pool_ = make_reader_pool(opens_reader(), options_.reader_threads, shared_.crypto, shared_.warn);
  if (!options_.replica.empty()) watch_replica();
  background_ = pool_->of("");
  positions_ = std::make_unique<OwnPositions>(local_positions_, *background_);
  loop_ = make_write_loop(*database_, shared_.clock, participants_, shared_.warn,
                          {.tracer = &shared_.tracer, .pace = write_pace});
  inbox_db_ = database_->handle("host_");
  inbox_ = std::make_unique<messaging::Inbox>(*inbox_db_, "host_");
  participants_.push_back(inbox_.get());
  parked_ = std::make_unique<ParkedMessages>(
      *inbox_db_, *loop_, [this](UnitOfWork& unit, const messaging::Message& message) {
        const auto effect = effect_of(message);
        if (effect) effect->run(unit);
        return effect.has_value();
      });
}

ServiceHost::~ServiceHost() { stop(); }

Positions& ServiceHost::positions() { return *positions_; }

sql::OpenDatabase ServiceHost::opens_reader() const {
  return [database = options_.database] {
    return postgres::open(database, postgres::Database::Mode::reader);
  };
}

std::unique_ptr<sql::Database> ServiceHost::open_writer(const std::string& turns) const {
  auto database = options_.database;
  database.turns = turns;
  return postgres::open(std::move(database), postgres::Database::Mode::writer);
}

bool ServiceHost::in_background(std::function<void()> work) {
  return background_->submit([work = std::move(work)](Store) { work(); }, [] {});
}

ServiceContext& ServiceHost::add(const sql::Migrations& migrations,
                                 std::optional<NewEvent> (*published)(const RecordedEvent&)) {
  const std::string prefix(migrations.prefix);
  const auto log = log_schema(prefix);
  const auto relay = messaging::RelayRows::schema(prefix);
  const auto log_name = prefix + "log";
  const auto relay_name = prefix + "relay";
  migrate({log_name, {log}});
  migrate({relay_name, {relay}});
  migrate(next_version::migrations(migrations));

  auto& part = parts_.emplace_back();
  part.prefix = prefix;
  part.db = database_->handle(prefix);
  part.log = next_version::log(make_stored_log(*part.db, prefix, shared_.crypto));
  part.readers = readers_for(prefix);
  if (published != nullptr) part.published = next_version::published(prefix, published);
  part.relay_rows = std::make_unique<messaging::RelayRows>(*part.db, prefix);
  participants_.push_back(part.log.get());
  const auto service = prefix.substr(0, prefix.size() - 1);
  local_positions_.add(service, *part.log);
  log_epochs_.insert_or_assign(service, read_log_epochs(*database_->handle(""), service));
  epochs_ = ServiceEpochs(log_epochs_, ServiceEpochs::Others::not_judged);
  return contexts_.emplace_back(ServiceContext{{*part.db, *part.log},
                                               *loop_,
                                               *part.readers,
                                               shared_.clock,
                                               shared_.ids,
                                               shared_.crypto,
                                               router_,
                                               shared_.tracer,
                                               participants_,
                                               options_.shop_secret,
                                               news_});
}

void ServiceHost::migrate(const sql::Migrations& migrations) {
  sql::migrate(*database_, migrations);
}

std::unique_ptr<sql::Connection> ServiceHost::open_handle(const sql::Migrations& migrations) {
  migrate(migrations);
  return database_->handle(std::string(migrations.prefix));
}

std::unique_ptr<Readers> ServiceHost::open_readers() { return pool_->of(""); }

Readers* ServiceHost::readers_of(std::string_view service) {
  const auto part = std::ranges::find(parts_, std::string(service) + "_", &Part::prefix);
  return part == parts_.end() ? nullptr : part->readers.get();
}

void ServiceHost::start() {
  participants_.push_back(&local_positions_);
  participants_.push_back(&news_);
  loop_->start();
  std::ranges::sort(taken_topics_);
  taken_topics_.erase(std::unique(taken_topics_.begin(), taken_topics_.end()), taken_topics_.end());
  std::vector<std::string> prefixes;
  for (auto& part : parts_) {
    prefixes.push_back(part.prefix);
    if (part.published) relay(part);
  }
  runners_.push_back(messaging::follow_logs(
      prefixes, opens_reader(), [this](const messaging::Growth& growth) { tell_growth(growth); },
      shared_.warn));
  if (taken_topics_.empty()) return listen();
  message_figures_ = std::make_unique<messaging::MessageFigures>(shared_.metrics, shared_.clock);
  loop_->every(replay_interval, [this](UnitOfWork& unit) { parked_->look(unit); });
  runners_.push_back(messaging::run_consumer(
      [this] { return make_source(); },
      [this](messaging::Source& source) { return make_consumer(source); }, shared_.warn));
  listen();
}

void ServiceHost::listen() {
  listener_ = messaging::run_listener(
      [database = options_.database] { return postgres::make_commit_listener(database); },
      [this] {
        for (const auto& runner : runners_) runner->wake();
      });
}

void ServiceHost::tell_growth(const messaging::Growth& growth) {
  positions_->grown(growth.prefix,
                    growth.events.empty() ? growth.after : growth.events.back().first);
  for (const auto& tell : grown_) tell(growth);
  std::vector<std::string> streams;
  streams.reserve(growth.events.size());
  for (const auto& [position, stream] : growth.events) streams.push_back(stream);
  if (!streams.empty()) news_.announce(std::move(streams));
}

void ServiceHost::stop_writing() {
  listener_.reset();
  runners_.clear();
  loop_->stop();
}

void ServiceHost::stop() {
  stop_writing();
  if (replica_pool_) replica_pool_->stop();  // what it cannot answer, the other one does
  pool_->stop();
}

void ServiceHost::watch_replica() {
  replica_ = postgres::watch_replica(
      {options_.database, options_.replica, options_.replica_lag_max, shared_.warn});
  // What fails there is done by the primary, which tells when it fails there too.
  replica_pool_ = make_reader_pool([this] { return replica_->open(); }, options_.reader_threads,
                                   shared_.crypto, [](const std::string&) {});
  shared_.metrics.gauge("stoa_replica_is_used", [this] { return replica_->is_well() ? 1.0 : 0.0; });
  shared_.metrics.gauge("stoa_replica_lag_seconds", [this] { return replica_->lag_seconds(); });
}

std::unique_ptr<Readers> ServiceHost::readers_for(const std::string& prefix) {
  auto primary = pool_->of(prefix);
  if (!replica_) return primary;
  return make_replica_readers(
      prefix.substr(0, prefix.size() - 1), std::move(primary), replica_pool_->of(prefix),
      {[this] { return replica_->is_well(); },
       [this](bool on_replica) {
         shared_.metrics.count("stoa_replica_queries_total",
                               telemetry::label("by", on_replica ? "replica" : "primary"));
       }});
}

std::unique_ptr<postgres::LeaderLock> ServiceHost::make_leader_lock(std::string_view work) const {
  return postgres::make_leader_lock(options_.database, lock_name(work));
}

void ServiceHost::relay(Part& part) {
  part.leader = make_leader_lock(part.prefix);
  const auto service = part.prefix.substr(0, part.prefix.size() - 1);
  runners_.push_back(messaging::run_relay({.outlet = {service, part.published, kafka_topic_of},
                                           .prefix = part.prefix,
                                           .open_reader = opens_reader(),
                                           .make_publisher =
                                               [this] {
                                                 make_topics();
                                                 return kafka::make_publisher(options_.kafka);
                                               },
                                           .is_leader = [&part] { return part.leader->holds(); },
                                           .rows = *part.relay_rows,
                                           .executor = *loop_,
                                           .crypto = shared_.crypto,
                                           .warn = shared_.warn}));
}

void ServiceHost::make_topics() const {
  kafka::make_topics(options_.kafka,
                     topic_plans(options_.service, options_.partitions, options_.replication));
}

std::unique_ptr<messaging::Source> ServiceHost::make_source() {
  make_topics();
  return kafka::make_source({options_.kafka, "stoa-" + options_.service, options_.member,
                             taken_topics_, replay_topic_of(options_.service),
                             [open = opens_reader()](const messaging::Lane& lane) {
                               const auto database = open();
                               const auto db = database->handle("host_");
                               return messaging::Inbox(*db, "host_").place(lane).offset;
                             },
                             [this] { make_topics(); }});
}

std::optional<messaging::Effect> ServiceHost::effect_of(const messaging::Message& message) const {
  // An event of which this version knows nothing is of a newer publisher: nobody here acts on it.
  const auto known = effects_.find(message.type);
  return known == effects_.end() ? std::nullopt : known->second(message);
}

std::unique_ptr<messaging::Consumer> ServiceHost::make_consumer(messaging::Source& source) {
  const auto effect = [this](const messaging::Message& message) { return effect_of(message); };
  const auto park = [this](UnitOfWork& unit, const messaging::Parked& parked) {
    parked_->put(unit, parked);
  };
  const auto advise = [group = options_.service](const std::string& publisher, std::int64_t from) {
    return "If it does not come by itself, Kafka has lost it, and `stoa republish " + publisher +
           " --from " + std::to_string(from) + " --group " + group + "` publishes it again.";
  };
  return std::make_unique<messaging::Consumer>(
      messaging::Consumer::Parts{source, *inbox_, *loop_, effect, park, shared_.warn,
                                 *message_figures_, advise},
      messaging::Consumer::Options{});
}

}  // namespace stoa
