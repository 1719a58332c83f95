#include "contracts/event_log_contract.hpp"

#include <chrono>

namespace stoa {
namespace {

using Expect = Expected;

TEST_P(EventLogContract, AnEmptyLog_HasNothing) {
  EXPECT_EQ(store_->log().head(), 0);
  EXPECT_EQ(store_->log().durable_head(), 0);
  EXPECT_TRUE(all().empty());
  EXPECT_TRUE(store_->is_intact());
}

TEST_P(EventLogContract, AnEvent_IsReadAsItWasAppended) {
  append("order-1", Expect::none, R"({"text":"naïve \"quote\""})");
  const auto events = all();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].position, 1);
  EXPECT_EQ(events[0].stream, "order-1");
  EXPECT_EQ(events[0].revision, 1);
  EXPECT_EQ(events[0].type, "Happened.v1");
  EXPECT_EQ(events[0].data, R"({"text":"naïve \"quote\""})");
  EXPECT_EQ(events[0].metadata,
            R"({"actor":"a person","causation":"a request","correlation":"a visit"})");
  EXPECT_EQ(events[0].recorded_at, noon);
}

TEST_P(EventLogContract, Append_GivesWhatItRecorded) {
  std::vector<RecordedEvent> recorded;
  store_->begin();
  const auto revision = store_->log().append(
      "order-1", Expect::none, {{"A.v1", "1"}, {"B.v1", "2"}}, cause_, noon, &recorded);
  store_->commit();
  EXPECT_EQ(revision, 2);
  const auto read = all();
  ASSERT_EQ(recorded.size(), 2U);
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t at = 0; at < 2; ++at) {
    EXPECT_EQ(recorded[at].position, read[at].position);
    EXPECT_EQ(recorded[at].revision, read[at].revision);
    EXPECT_EQ(recorded[at].metadata, read[at].metadata);
    EXPECT_EQ(recorded[at].recorded_at, read[at].recorded_at);
  }
}

TEST_P(EventLogContract, Positions_HaveNoGapsAndRevisionsCountByStream) {
  append("a", Expect::none);
  append("b", Expect::none);
  append("a", 1);
  append("a", 2);
  EXPECT_EQ(each(all(), &RecordedEvent::position), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(each(all(), &RecordedEvent::revision), (Numbers{1, 1, 2, 3}));
  EXPECT_EQ(store_->log().head(), 4);
}

TEST_P(EventLogContract, TheExpectedRevision_MustBeTheStreams) {
  EXPECT_EQ(append("a", Expect::exists), 0) << "there is no such stream";
  EXPECT_EQ(append("a", 1), 0) << "it has no first event";
  EXPECT_EQ(append("a", Expect::none), 1);
  EXPECT_EQ(append("a", Expect::none), 0) << "it has begun";
  EXPECT_EQ(append("a", 1), 2);
  EXPECT_EQ(append("a", 1), 0) << "it has gone on";
  EXPECT_EQ(append("a", 3), 0) << "it has not come so far";
  EXPECT_EQ(append("a", Expect::exists), 3);
  EXPECT_EQ(append("a", Expect::any), 4);
  EXPECT_EQ(append("b", Expect::any), 1);
  EXPECT_EQ(each(all(), &RecordedEvent::position), (Numbers{1, 2, 3, 4, 5}));
}

TEST_P(EventLogContract, AFreshStream_IsNotLookedFor_AndIsNeverAnothers) {
  EXPECT_EQ(append("a", Expect::fresh), 1);
  bool is_kept = true;
  store_->begin();
  try {
    const auto revision = store_->log().append("a", Expect::fresh, {{"X.v1", "{}"}}, cause_, noon);
    store_->commit();
    is_kept = revision.has_value();
  } catch (const sql::UniqueViolation&) {
    store_->rollback();
    is_kept = false;
  }
  EXPECT_FALSE(is_kept);
  EXPECT_EQ(append("a", 1), 2);
  EXPECT_EQ(each(all(), &RecordedEvent::type),
            (std::vector<std::string>{"Happened.v1", "Happened.v1"}));
  EXPECT_TRUE(store_->is_intact());
}

TEST_P(EventLogContract, AStreamThatWasRead_IsAppendedToWhereItEnds) {
  append("a", Expect::none);
  append("a", 1);
  store_->begin();
  auto& log = store_->log();
  EXPECT_TRUE(log.append("other", Expect::none, {{"X.v1", "{}"}}, cause_, noon));
  std::vector<RecordedEvent> read;
  log.read_stream("a", 0, keep(read, 1));  // of one that was not read to its end nothing is known
  EXPECT_EQ(log.append("a", 2, {{"X.v1", "{}"}}, cause_, noon), 3);
  log.read_stream("new", 0, keep(read));
  EXPECT_FALSE(log.append("new", 1, {{"X.v1", "{}"}}, cause_, noon));
  EXPECT_EQ(log.append("new", Expect::none, {{"X.v1", "{}"}}, cause_, noon), 1);
  log.read_stream("a", 0, keep(read));
  EXPECT_FALSE(log.append("a", 2, {{"X.v1", "{}"}}, cause_, noon));
  EXPECT_EQ(log.append("a", Expect::any, {{"X.v1", "{}"}}, cause_, noon), 4);
  store_->commit();
  EXPECT_TRUE(store_->is_intact());
}

TEST_P(EventLogContract, AConflict_LeavesNothingAndSpoilsNothing) {
  append("a", Expect::none);
  store_->begin();
  EXPECT_TRUE(store_->log().append("b", Expect::none, {{"Before.v1", "{}"}}, cause_, noon));
  EXPECT_FALSE(
      store_->log().append("a", Expect::none, {{"X.v1", "{}"}, {"Y.v1", "{}"}}, cause_, noon));
  EXPECT_TRUE(store_->log().append("c", Expect::none, {{"After.v1", "{}"}}, cause_, noon));
  store_->commit();
  EXPECT_EQ(each(all(), &RecordedEvent::type),
            (std::vector<std::string>{"Happened.v1", "Before.v1", "After.v1"}));
  EXPECT_EQ(each(all(), &RecordedEvent::position), (Numbers{1, 2, 3}));
  EXPECT_TRUE(store_->is_intact());
}

TEST_P(EventLogContract, Reading_GoesBothWaysAndEndsWhenTold) {
  for (const auto* stream : {"a", "b"}) append(stream, Expect::none);
  for (int revision = 1; revision < 4; ++revision)
    for (const auto* stream : {"a", "b"}) append(stream, revision);
  auto& log = store_->log();
  std::vector<RecordedEvent> events;
  log.read_stream("b", 2, keep(events));
  EXPECT_EQ(each(events, &RecordedEvent::revision), (Numbers{3, 4}));
  events.clear();
  log.read_stream_backwards("a", keep(events, 3));
  EXPECT_EQ(each(events, &RecordedEvent::revision), (Numbers{4, 3, 2}));
  events.clear();
  log.read_all(5, keep(events, 2));
  EXPECT_EQ(each(events, &RecordedEvent::position), (Numbers{6, 7}));
  events.clear();
  log.read_all_backwards(keep(events, 2));
  EXPECT_EQ(each(events, &RecordedEvent::position), (Numbers{8, 7}));
  events.clear();
  log.read_stream("nobody", 0, keep(events));
  EXPECT_TRUE(events.empty());
}

TEST_P(EventLogContract, RecordedTime_NeverFalls) {
  append("a", Expect::none, "{}", noon);
  append("a", 1, "{}", noon - std::chrono::hours(1));
  store_->reopen();
  append("a", 2, "{}", noon - std::chrono::hours(2));
  append("a", 3, "{}", noon + std::chrono::microseconds(1));
  EXPECT_EQ(each(all(), &RecordedEvent::recorded_at),
            (std::vector{noon, noon, noon, noon + std::chrono::microseconds(1)}));
}

TEST_P(EventLogContract, ARollback_TakesPositionsAndTheHeadBack) {
  append("a", Expect::none);
  store_->begin();
  EXPECT_TRUE(store_->log().append("b", Expect::none, {{"Lost.v1", "{}"}}, cause_, noon));
  EXPECT_EQ(store_->log().head(), 2) << "the transaction sees its own events";
  store_->rollback();
  EXPECT_EQ(store_->log().head(), 1);
  EXPECT_EQ(store_->log().durable_head(), 1);
  append("b", Expect::none, "{\"again\":true}");
  EXPECT_EQ(each(all(), &RecordedEvent::position), (Numbers{1, 2}));
  EXPECT_TRUE(store_->is_intact());
}

TEST_P(EventLogContract, AReader_SeesWhatIsDurableAlone) {
  append("a", Expect::none);
  store_->begin();
  EXPECT_TRUE(store_->log().append("b", Expect::none, {{"Soon.v1", "{}"}}, cause_, noon));
  EXPECT_EQ(store_->seen_by_a_reader().size(), 1U);
  EXPECT_EQ(store_->log().durable_head(), 1);
  store_->commit();
  EXPECT_EQ(store_->seen_by_a_reader().size(), 2U);
  EXPECT_EQ(store_->log().durable_head(), 2);
}

TEST_P(EventLogContract, Reopened_TheLogGoesOn) {
  append("a", Expect::none);
  append("a", 1);
  store_->reopen();
  EXPECT_EQ(store_->log().head(), 2);
  EXPECT_EQ(append("a", 2), 3);
  EXPECT_EQ(each(all(), &RecordedEvent::position), (Numbers{1, 2, 3}));
  EXPECT_TRUE(store_->is_intact());
}

TEST_P(EventLogContract, TheChainOfHashes_FindsEveryChange) {
  for (int revision = 0; revision < 4; ++revision) append("a", revision);
  ASSERT_TRUE(store_->is_intact());
  const auto finds = [&](const std::string& change) {
    store_->begin();
    store_->db().execute(change);
    const bool found = !store_->is_intact();
    store_->rollback();
    return found;
  };
  EXPECT_TRUE(finds("UPDATE shop_log SET data = '{\"amount\":1}' WHERE position = 2"));
  EXPECT_TRUE(finds("UPDATE shop_log SET type = 'Other.v1' WHERE position = 4"));
  EXPECT_TRUE(finds("UPDATE shop_log SET stream = 'b' WHERE position = 3"));
  EXPECT_TRUE(finds("UPDATE shop_log SET revision = 9 WHERE position = 4"));
  EXPECT_TRUE(finds("UPDATE shop_log SET metadata = '{}' WHERE position = 1"));
  EXPECT_TRUE(
      finds("UPDATE shop_log SET recorded_at = '2020-01-01T00:00:00.000000Z' WHERE position = 2"));
  EXPECT_TRUE(finds("DELETE FROM shop_log WHERE position = 2"));
  EXPECT_TRUE(finds("DELETE FROM shop_log WHERE position = 4")) << "the newest";
  EXPECT_TRUE(finds("DELETE FROM shop_log"));
  EXPECT_TRUE(store_->is_intact());
}

}  // namespace
}  // namespace stoa
