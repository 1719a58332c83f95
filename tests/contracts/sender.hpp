#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa::messaging {

/// The log of a service that publishes.
class Sender {
 public:
  Sender() {
    const auto schema = log_schema("shop_");
    sql::migrate(*database_, {"shop_log", {schema}});
    db_ = database_->handle("shop_");
    log_ = make_stored_log(*db_, "shop_", *crypto_);
  }
  void append(const std::string& stream, int count, const std::string& type = "Happened.v1") {
    database_->begin();
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE(log_->append(stream, Expected::any, {{type, "{}"}}, {}, Timestamp{}));
    commit();
  }
  /// `count` events to each of `streams` streams, in turns.
  void append_to_many(int streams, int count) {
    database_->begin();
    for (int i = 0; i < count; ++i)
      for (int s = 0; s < streams; ++s)
        ASSERT_TRUE(log_->append("stream-" + std::to_string(s), Expected::any,
                                 {{"Happened.v1", "{}"}}, {}, Timestamp{}));
    commit();
  }
  EventLog& log() { return *log_; }

 private:
  void commit() {
    UnitOfWork unit{Timestamp{}};
    log_->flush(unit);
    database_->commit();
    log_->committed();
  }
  TemporaryFolder folder_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("sender.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
};

}  // namespace stoa::messaging
