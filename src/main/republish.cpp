#include "main/republish.hpp"

#include "kernel/eventlog/stored_log.hpp"
#include "kernel/messaging/republication.hpp"
#include "main/event_feed.hpp"
#include "main/progress.hpp"
#include "main/service_host.hpp"
#include "main/service_process.hpp"
#include "platform/kafka/publisher.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

/// A service's log as it stands in its database, for an operator.
class LogReader {
 public:
  LogReader(const std::string& log, const Configuration& configuration)
      : prefix_(log + "_"),
        // The shop's settings stand in Catalog's database.
        database_(postgres::open(database_of(log == "shop" ? "catalog" : log, configuration),
                                 postgres::Database::Mode::reader)),
        db_(database_->handle(prefix_)),
        log_(make_stored_log(*db_, prefix_, *crypto_)) {}

  /// Runs `look` on one snapshot.
  template <class Look>
  auto in_snapshot(Look&& look) {
    database_->begin();
    const auto found = look(*log_);
    database_->rollback();
    return found;
  }
  /// Positions that were published before now.
  std::int64_t published() {
    return in_snapshot(
        [&](EventLog&) { return messaging::RelayRows(*db_, prefix_).load().position; });
  }
  std::int64_t epoch() {
    return in_snapshot([](StoredLog& log) { return log.epoch(); });
  }

 private:
  std::string prefix_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
};

std::unexpected<Error> refuse(const std::string& sentence) {
  return fail(ErrorKind::invalid, "wrong_range", sentence);
}

}  // namespace

Result<Republished> republish(const Configuration& configuration, const RepublishOptions& options) {
  if (options.topic.starts_with("stoa."))
    return refuse("The topics stoa.… are the services' own: name another one.");
  LogReader reader(options.log, configuration);
  const auto published = reader.published();
  const auto to = options.to.value_or(published);
  const auto known = "The log of " + options.log + " is published up to position " +
                     std::to_string(published) + ": ";
  if (options.from > published || to > published)
    return refuse(known + "what stands behind it is not published again.");
  if (options.from < 1 || options.from > to)
    return refuse(known + "no range is from " + std::to_string(options.from) + " to " +
                  std::to_string(to) + ".");

  const auto settings = kafka_settings(configuration);
  const auto partitions = static_cast<int>(configuration.integer("Kafka:Partitions"));
  const auto replication = static_cast<int>(configuration.integer("Kafka:Replication"));
  const bool is_for_group = !options.group.empty();
  auto plans = topic_plans(is_for_group ? options.group : "", partitions, replication);
  if (!is_for_group) plans.back() = {options.topic, partitions, replication};
  kafka::make_topics(settings, plans);
  const auto& topic = plans.back().name;
  const auto publisher = kafka::make_publisher(settings);
  messaging::Republication republication(
      {options.log, published_of(options.log), kafka_topic_of}, *publisher, reader.epoch(),
      {options.from, to}, [&](const messaging::Lane& lane) {
        return messaging::Lane{topic, is_for_group ? 0 : lane.partition};
      });
  Progress progress("republish", to, "events");
  // Snapshots are short: while the brokers are slow the database ends one that is idle.
  while (reader.in_snapshot([&](EventLog& log) { return republication.step(log); }))
    progress.at(republication.position(), to);
  progress.end(to, to);
  return Republished{republication.published(), to, topic};
}

}  // namespace stoa
