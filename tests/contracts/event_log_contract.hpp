#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

/// A log on a store of its own, as an adapter gives it to the contract suite. A transaction goes as
/// in the write loop: participants are flushed before the commit and told of its end.
class LogStore {
 public:
  virtual ~LogStore() = default;
  virtual EventLog& log() = 0;  ///< the writer's
  virtual sql::Connection& db() = 0;
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void rollback() = 0;
  /// Ends the writer and opens the same store again.
  virtual void reopen() = 0;
  /// What a connection that does not write can see now.
  virtual std::vector<RecordedEvent> seen_by_a_reader() = 0;
  virtual ChainReport walk() = 0;
  /// Whether positions, hashes and head fit together.
  bool is_intact() {
    const auto report = walk();
    return !report.damaged_at && report.ends_at_head;
  }
};

using MakeLogStore = std::unique_ptr<LogStore> (*)();

/// What every adapter of EventLog keeps, for INSTANTIATE_TEST_SUITE_P with its MakeLogStore. The
/// prefix of its tables is `shop_`.
class EventLogContract : public testing::TestWithParam<MakeLogStore> {
 public:
  static constexpr Timestamp noon{std::chrono::microseconds(1'800'000'000'000'000)};

 protected:
  void SetUp() override {
    if (!store_) GTEST_SKIP() << "PostgreSQL is not installed";
  }
  /// One event in a transaction of its own; the revision, or 0 for a refusal.
  std::int64_t append(std::string_view stream, std::int64_t expected, std::string_view data = "{}",
                      Timestamp now = noon) {
    store_->begin();
    const auto revision =
        store_->log().append(stream, expected, {{"Happened.v1", std::string(data)}}, cause_, now);
    store_->commit();
    if (!revision) EXPECT_EQ(revision.error().code, "wrong_revision");
    return revision.value_or(0);
  }
  std::vector<RecordedEvent> all(std::int64_t after = 0) {
    std::vector<RecordedEvent> events;
    store_->log().read_all(after, keep(events));
    return events;
  }
  static EventLog::Each keep(std::vector<RecordedEvent>& events, std::size_t most = 1000) {
    return [&events, most](const RecordedEvent& event) {
      events.push_back(event);
      return events.size() < most;
    };
  }
  template <class Member>
  static std::vector<Member> each(const std::vector<RecordedEvent>& events,
                                  Member RecordedEvent::* member) {
    std::vector<Member> values;
    for (const auto& event : events) values.push_back(event.*member);
    return values;
  }
  using Numbers = std::vector<std::int64_t>;

  Cause cause_{"a person", "a request", "a visit", ""};
  std::unique_ptr<LogStore> store_ = GetParam()();
};

}  // namespace stoa
