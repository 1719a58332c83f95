#pragma once

#include <memory>
#include <optional>

#include "contracts/event_log_contract.hpp"
#include "contracts/temporary_folder.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "platform/sqlite/event_log.hpp"

namespace stoa {

/// A log in a real file.
class SqliteLogStore final : public LogStore {
 public:
  SqliteLogStore() {
    const auto schema = sqlite::log_schema("shop_");
    const auto database = sqlite::open(path_, sqlite::Database::Mode::writer);
    sqlite::migrate(*database, {"shop_log", {schema}});
    reopen();
  }

  EventLog& log() override { return *log_; }
  sql::Connection& db() override { return *db_; }
  void begin() override {
    database_->begin();
    unit_.emplace(Timestamp{});
  }
  UnitOfWork& unit() { return *unit_; }
  void commit() override {
    log_->flush(*unit_);
    database_->commit();
    log_->committed();
    for (auto& action : unit_->take_after_commit()) action();
  }
  void rollback() override {
    database_->rollback();
    log_->rolled_back();
  }
  void reopen() override {
    log_.reset();
    db_.reset();
    database_ = sqlite::open(path_, sqlite::Database::Mode::writer);
    db_ = database_->handle("shop_");
    log_ = sqlite::make_log(*db_, "shop_", *crypto_);
  }
  std::vector<RecordedEvent> seen_by_a_reader() override {
    const auto reader = sqlite::open(path_, sqlite::Database::Mode::reader);
    const auto db = reader->handle("shop_");
    std::vector<RecordedEvent> events;
    sqlite::make_log(*db, "shop_", *crypto_)->read_all(0, [&](const RecordedEvent& event) {
      events.push_back(event);
      return true;
    });
    return events;
  }
  sqlite::ChainReport walk() { return sqlite::verify_chain(*db_, "shop_", *crypto_); }
  bool is_intact() override {
    const auto report = walk();
    return !report.damaged_at && report.ends_at_head;
  }

 private:
  TemporaryFolder folder_;
  std::string path_ = folder_.file("shop.db");
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sqlite::Database> database_;
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<sqlite::Log> log_;
  std::optional<UnitOfWork> unit_;
};

}  // namespace stoa
