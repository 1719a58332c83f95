#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "contracts/event_log_contract.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {

/// A log in a database that is opened by these.
class SqlLogStore : public LogStore {
 public:
  SqlLogStore(sql::OpenDatabase open_writer, sql::OpenDatabase open_reader)
      : open_writer_(std::move(open_writer)), open_reader_(std::move(open_reader)) {
    const auto schema = log_schema("shop_");
    const auto database = open_writer_();
    sql::migrate(*database, {"shop_log", {schema}});
    reopen();
  }

  EventLog& log() override { return *log_; }
  sql::Connection& db() override { return *db_; }
  void begin() override {
    if (!database_->begin()) log_->rolled_back();
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
    database_ = open_writer_();
    db_ = database_->handle("shop_");
    log_ = make_stored_log(*db_, "shop_", *crypto_);
  }
  std::vector<RecordedEvent> seen_by_a_reader() override {
    const auto reader = open_reader_();
    const auto db = reader->handle("shop_");
    std::vector<RecordedEvent> events;
    make_stored_log(*db, "shop_", *crypto_)->read_all(0, [&](const RecordedEvent& event) {
      events.push_back(event);
      return true;
    });
    return events;
  }
  ChainReport walk() override { return verify_chain(*db_, "shop_", *crypto_); }

 private:
  sql::OpenDatabase open_writer_, open_reader_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
  std::optional<UnitOfWork> unit_;
};

}  // namespace stoa
