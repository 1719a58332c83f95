#include "platform/postgres/replica.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "kernel/messaging/loop.hpp"
#include "kernel/resilience/backoff.hpp"

namespace stoa::postgres {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval{250};
constexpr Backoff looking_again{look_interval, std::chrono::seconds(10)};
constexpr std::size_t moments_max = 1'000;

/// How far the primary had come, and until when.
struct Moment {
  std::int64_t written = 0;
  Steady::time_point until;
};

/// A server's place in its log, and which log that is.
struct Place {
  std::int64_t written = 0;
  std::int64_t system = 0;
  bool is_standby = false;
};

class Asked {
 public:
  Asked(Options options, std::string words)
      : database_(postgres::open(std::move(options), Database::Mode::reader)),
        db_(database_->handle("")),
        words_(std::move(words)) {}

  Place ask() {
    return *db_->one(words_, [](const sql::Row& row) {
      return Place{row.integer(0), row.integer(1), row.integer(2) == 1};
    });
  }

 private:
  std::unique_ptr<Database> database_;
  std::unique_ptr<sql::Connection> db_;
  std::string words_;
};

/// `function` gives a place in the write-ahead log.
std::string place_words(const std::string& function) {
  return "SELECT CAST(pg_wal_lsn_diff(coalesce(" + function +
         "(), '0/0'), '0/0') AS bigint), system_identifier, pg_is_in_recovery()"
         " FROM pg_control_system()";
}

Options with_timeout(Options options, std::string conninfo) {
  options.conninfo = std::move(conninfo);
  options.answer_timeout = Replica::answer_timeout;
  return options;
}

class Watched final : public Replica, private messaging::Loop {
 public:
  explicit Watched(ReplicaOptions options)
      : options_(std::move(options)),
        standby_options_(with_timeout(options_.primary, options_.conninfo)),
        primary_(with_timeout(options_.primary, options_.primary.conninfo),
                 place_words("pg_current_wal_flush_lsn")),
        standby_(standby_options_, place_words("pg_last_wal_replay_lsn")) {
    start();
  }
  ~Watched() override { stop(); }

  [[nodiscard]] bool is_well() const override { return is_well_; }
  [[nodiscard]] double lag_seconds() const override { return lag_seconds_; }
  [[nodiscard]] std::unique_ptr<sql::Database> open() override;

  /// A query found it out. The next look tells whether it stays so.
  void failed(const std::string& why) {
    if (give_up(why)) wake();
  }

 private:
  Pause step() override {
    try {
      look();
      failures_ = 0;
      return {{}, look_interval};
    } catch (const std::exception& e) {
      lag_seconds_ = lag();
      give_up(e.what());
      return {{}, looking_again.delay(++failures_, 0)};
    }
  }

  void look() {
    look_at_primary();
    const auto place = standby_.ask();
    if (!place.is_standby) throw sql::Failure("it is no standby any more");
    if (!moments_.empty() && place.system != system_)
      throw sql::Failure("it is a standby of another server");
    has_come_to(place.written);
    const auto seconds = lag();
    lag_seconds_ = seconds;
    // Back only with half of it, so that one at the border is not told of again and again.
    const auto most = std::chrono::duration<double>(options_.lag_max).count();
    if (fresh_as_of_ && seconds <= most / 2) return use();
    if (moments_.empty()) give_up("the primary does not tell how far it is: " + primary_fault_);
    if (seconds > most) give_up("it is behind by more than it may be");
  }

  /// When it cannot be asked nothing is written either, as far as is known here.
  void look_at_primary() {
    try {
      const auto place = primary_.ask();
      if (place.is_standby) return;
      if (place.system != system_) moments_.clear();
      system_ = place.system;
      if (moments_.empty() || moments_.back().written != place.written)
        moments_.push_back({place.written, {}});
      moments_.back().until = Steady::now();
      if (moments_.size() > moments_max) moments_.pop_front();
    } catch (const sql::Failure& failure) {
      primary_fault_ = failure.what();
    }
  }

  void has_come_to(std::int64_t replayed) {
    while (!moments_.empty() && moments_.front().written <= replayed) {
      fresh_as_of_ = moments_.front().until;
      if (moments_.size() == 1) return;  // the primary may stay there
      moments_.pop_front();
    }
  }

  /// Since the last moment of the primary's that it has come to.
  [[nodiscard]] double lag() const {
    const auto since = fresh_as_of_.value_or(begun_);
    const auto until = moments_.empty() ? Steady::now() : moments_.back().until;
    return std::max(0.0, std::chrono::duration<double>(until - since).count());
  }

  void use() {
    const std::lock_guard lock(mutex_);
    is_well_ = true;
    if (std::exchange(is_told_, false)) options_.warn("The read-only replica is used again.");
  }
  /// Whether it was used until now.
  bool give_up(const std::string& why) {
    const std::lock_guard lock(mutex_);
    const bool was_well = is_well_.exchange(false);
    if (!std::exchange(is_told_, true))
      options_.warn("The read-only replica is not used, and its queries are the primary's: " + why);
    return was_well;
  }

  ReplicaOptions options_;
  Options standby_options_;
  Asked primary_, standby_;
  std::deque<Moment> moments_;  ///< of the primary, from the first that the standby has not reached
  std::optional<Steady::time_point> fresh_as_of_;
  const Steady::time_point begun_ = Steady::now();
  std::int64_t system_ = 0;
  std::string primary_fault_;  ///< the last
  int failures_ = 0;
  std::mutex mutex_;
  bool is_told_ = false;
  std::atomic<bool> is_well_{false};
  std::atomic<double> lag_seconds_{0};
};

/// Reads there as long as it is well.
class Guarded final : public sql::Database {
 public:
  explicit Guarded(Watched& replica, Options options)
      : replica_(replica),
        database_(postgres::open(std::move(options), postgres::Database::Mode::reader)) {
    db_ = database_->handle("");
  }

  std::unique_ptr<sql::Connection> handle(std::string_view prefix) override {
    return database_->handle(prefix);
  }
  bool begin() override {
    if (!replica_.is_well()) throw sql::Failure("the read-only replica is not used now");
    try {
      database_->begin();
      const auto is_standby = db_->one("SELECT pg_is_in_recovery()",
                                       [](const sql::Row& row) { return row.integer(0) == 1; });
      if (!is_standby.value_or(false)) throw sql::Failure("it is no standby any more");
    } catch (const sql::Failure& failure) {
      database_->rollback();
      replica_.failed(failure.what());
      throw;
    }
    return false;
  }
  void commit() override { database_->commit(); }
  void rollback() noexcept override { database_->rollback(); }

 private:
  Watched& replica_;
  std::unique_ptr<postgres::Database> database_;
  std::unique_ptr<sql::Connection> db_;
};

std::unique_ptr<sql::Database> Watched::open() {
  return std::make_unique<Guarded>(*this, standby_options_);
}

}  // namespace

std::unique_ptr<Replica> watch_replica(ReplicaOptions options) {
  return std::make_unique<Watched>(std::move(options));
}

}  // namespace stoa::postgres
