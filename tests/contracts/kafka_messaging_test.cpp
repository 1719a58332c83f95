#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "contracts/kafka_server.hpp"
#include "contracts/patience.hpp"
#include "contracts/sender.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "kernel/messaging/consumer.hpp"
#include "kernel/messaging/relay.hpp"
#include "kernel/messaging/republication.hpp"
#include "kernel/messaging/runners.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/kafka/publisher.hpp"
#include "platform/kafka/source.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa::messaging {
namespace {

std::string topic_name;  // of the running test: an outlet's functions are plain ones

std::string topic_of(std::string_view) { return topic_name; }
std::string replay_topic() { return topic_name + "-replay"; }
std::optional<NewEvent> published(const RecordedEvent& row) {
  if (row.type == "Secret.v1") return std::nullopt;
  return NewEvent{"shop." + row.type, row.data};
}

/// A store that may be away.
class Flaky final : public sql::Transactions {
 public:
  explicit Flaky(sql::Transactions& real) : real_(real) {}
  bool begin() override {
    if (is_away) throw sql::Failure("the store is away");
    return real_.begin();
  }
  void commit() override { real_.commit(); }
  void rollback() noexcept override { real_.rollback(); }
  std::atomic<bool> is_away = false;

 private:
  sql::Transactions& real_;
};

/// The store of a service that takes messages, and its writer; it notes the id of each.
class Taker {
 public:
  Taker() {
    const auto inbox = Inbox::schema("taker_");
    sql::migrate(
        *database_,
        {"taker_",
         {inbox, "CREATE TABLE taker_row(id TEXT NOT NULL); CREATE TABLE taker_parked(id TEXT)"}});
    db_ = database_->handle("taker_");
    inbox_ = std::make_unique<Inbox>(*db_, "taker_");
    participants_.push_back(inbox_.get());
    loop_ =
        make_write_loop(store_, clock_, participants_, [this](const std::string&) { ++defects_; });
    loop_->start();
  }
  ~Taker() { loop_->stop(); }

  Consumer::Parts parts(Source& source, MessageFigures& figures) {
    return {source,
            *inbox_,
            *loop_,
            [this](const Message& message) -> std::optional<Effect> {
              ++received;
              if (ignored.contains(message.id)) return std::nullopt;
              return Effect{{}, [this, message](UnitOfWork&) { apply(message); }};
            },
            [this](UnitOfWork&, const Parked& parked) {
              db_->execute("INSERT INTO taker_parked VALUES(?)", parked.received.message.id);
            },
            [this](const std::string& what) {
              const std::lock_guard lock(mutex_);
              warnings_.push_back(what);
            },
            figures,
            [](const std::string& publisher, std::int64_t from) {
              return "ask " + publisher + " from " + std::to_string(from);
            }};
  }
  Inbox::Place place(const Lane& lane) {
    const auto reader = sqlite::open(folder_.file("taker.db"), sqlite::Database::Mode::reader);
    const auto db = reader->handle("taker_");
    return Inbox(*db, "taker_").place(lane);
  }
  std::vector<std::string> rows(const std::string& table = "taker_row") {
    const auto reader = sqlite::open(folder_.file("taker.db"), sqlite::Database::Mode::reader);
    std::vector<std::string> ids;
    reader->handle("")->query("SELECT id FROM " + table + " ORDER BY rowid",
                              [&](const sql::Row& row) { ids.emplace_back(row.text(0)); });
    return ids;
  }
  std::vector<std::string> warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

  void be_away(bool is_away) { store_.is_away = is_away; }

  std::string poison;  ///< this message fails each time
  std::set<std::string> fail_once;
  std::set<std::string> ignored;  ///< these concern nobody
  int received = 0;

  [[nodiscard]] std::int64_t commits() const { return loop_->figures().commits; }

 private:
  void apply(const Message& message) {
    db_->execute("INSERT INTO taker_row VALUES(?)", message.id);
    if (message.id == poison || fail_once.erase(message.id) > 0)
      throw std::runtime_error("it cannot be taken");
  }

  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("taker.db"), sqlite::Database::Mode::writer);
  Flaky store_{*database_};
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<Inbox> inbox_;
  std::vector<Participant*> participants_;
  std::unique_ptr<WriteLoop> loop_;
  std::atomic<int> defects_ = 0;
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

std::unique_ptr<Source> source_of(Taker& taker, const kafka::Settings& settings,
                                  const std::string& name) {
  return kafka::make_source({settings,
                             topic_name + "-takers",
                             name,
                             {topic_name},
                             replay_topic(),
                             [&taker](const Lane& lane) { return taker.place(lane).offset; }});
}

/// A group's member that takes for a taker.
struct Member {
  Member(Taker& taker, const kafka::Settings& settings, Consumer::Options options = {},
         const std::string& name = {})
      : source(source_of(taker, settings, name)),
        consumer(taker.parts(*source, figures), options) {}
  std::unique_ptr<Source> source;
  SystemClock clock;
  telemetry::Metrics metrics;
  MessageFigures figures{metrics, clock};
  Consumer consumer;
};

class KafkaMessaging : public testing::Test {
 protected:
  void SetUp() override {
    STOA_NEEDS_KAFKA();
    topic_name = KafkaServer::shared()->fresh_topic(3);
    settings_ = KafkaServer::shared()->settings();
    kafka::make_topics(settings_, {{replay_topic(), 1, 1}});
    publisher_ = kafka::make_publisher(settings_, std::chrono::seconds(10));
  }
  Relay relay(RelayProgress progress = {}, std::int64_t epoch = 1) {
    return {{"shop", published, topic_of}, *publisher_, std::move(progress), epoch};
  }
  void relay_all(Relay& relay) {
    while (relay.step(sender_.log())) {
    }
  }
  /// For the group of takers alone; how many messages.
  std::int64_t republish(std::int64_t from, std::int64_t to) {
    Republication again({"shop", published, topic_of}, *publisher_, 1, {from, to},
                        [](const Lane&) { return Lane{replay_topic(), 0}; });
    while (again.step(sender_.log())) {
    }
    return again.published();
  }
  /// Steps until `done` or a long time has passed.
  template <class Done>
  static bool until(Member& member, Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < end)
      member.consumer.step(std::chrono::milliseconds(50));
    return done();
  }
  bool until_taken(Member& member, std::size_t count) {
    return until(member, [&] { return taker_.rows().size() >= count; });
  }
  /// They step in turn.
  bool until_taken(const std::vector<std::unique_ptr<Member>>& members, std::size_t count) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (taker_.rows().size() < count && std::chrono::steady_clock::now() < end)
      for (const auto& member : members) member->consumer.step(std::chrono::milliseconds(20));
    return taker_.rows().size() >= count;
  }
  void expect_each_once_and_in_order(std::size_t count) {
    const auto ids = taker_.rows();
    EXPECT_EQ(ids.size(), count);
    std::map<std::string, std::int64_t> revisions;
    for (const auto& id : ids) {
      const auto at = id.find('@');
      EXPECT_EQ(std::stoll(id.substr(at + 1)), ++revisions[id.substr(0, at)]) << id;
    }
  }

  Sender sender_;
  Taker taker_;
  kafka::Settings settings_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(KafkaMessaging, EveryPublishedEvent_IsTakenOnceAndInTheOrderOfItsStream) {
  sender_.append("secret", 3, "Secret.v1");
  sender_.append_to_many(20, 50);
  auto relay = this->relay();
  while (relay.step(sender_.log())) {
  }
  EXPECT_EQ(relay.published(), 1'000);
  EXPECT_EQ(relay.confirmed().position, 1'003);
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 1'000));
  expect_each_once_and_in_order(1'000);
  EXPECT_EQ(member.figures.repeats(), 0);
  const auto figures = member.metrics.text();
  for (const auto* line : {"stoa_messages_total{outcome=\"taken\"} 1000\n",
                           "stoa_message_lag_seconds_count 1000\n", "stoa_messages_waiting 0\n"})
    EXPECT_NE(figures.find(line), std::string::npos) << line;
}

TEST_F(KafkaMessaging, WhatIsPublishedAgain_IsTakenOnce) {
  sender_.append_to_many(5, 10);
  auto first = relay();
  first.step(sender_.log());
  auto again = relay();  // as after a crash before its progress was stored
  sender_.append_to_many(5, 10);
  again.step(sender_.log());
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 100));
  expect_each_once_and_in_order(100);
  EXPECT_EQ(member.figures.repeats(), 50);
}

TEST_F(KafkaMessaging, AMemberThatComesBack_GoesOnWhereItsServiceWas) {
  sender_.append_to_many(5, 10);
  auto relay = this->relay();
  relay.step(sender_.log());
  {
    Member member(taker_, settings_);
    EXPECT_TRUE(until_taken(member, 50));
  }
  sender_.append_to_many(5, 2);
  relay.step(sender_.log());
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 60));
  expect_each_once_and_in_order(60);
  EXPECT_EQ(member.figures.repeats(), 0);
}

TEST_F(KafkaMessaging, WhatStandsBehindAMissingMessage_IsTakenWhenThatHasCome) {
  sender_.append("stream-1", 4);
  auto whole = relay();
  Message last;
  last.lane = lane_of(topic_name, "stream-1", 3);
  last.key = "stream-1";
  last.id = "stream-1@4";
  last.source = "/shop";
  last.type = "shop.Happened.v1";
  last.epoch = 1;
  last.position = 4;
  last.previous_position = 3;
  publisher_->send(last);
  ASSERT_TRUE(publisher_->confirm());
  Member member(taker_, settings_);
  EXPECT_TRUE(until(member, [&] { return member.figures.gaps() > 0; }));
  EXPECT_TRUE(taker_.rows().empty());
  ASSERT_EQ(taker_.warnings().size(), 1U);
  EXPECT_NE(taker_.warnings()[0].find("before position 4 has not come. ask shop from 1"),
            std::string::npos)
      << taker_.warnings()[0];
  whole.step(sender_.log());
  EXPECT_TRUE(until_taken(member, 4));
  expect_each_once_and_in_order(4);
}

/// Loses the first messages that come, as a client might whose broker dies.
class Forgetful final : public Source {
 public:
  Forgetful(Source& real, std::size_t loses) : real_(real), loses_(loses) {}
  std::vector<Received> receive(std::size_t most, Duration wait) override {
    auto batch = real_.receive(most, wait);
    const auto lost = std::min(loses_, batch.size());
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(lost));
    loses_ -= lost;
    return batch;
  }
  void go_back(const Lane& lane, std::int64_t offset) override { real_.go_back(lane, offset); }
  [[nodiscard]] std::int64_t waiting() const override { return real_.waiting(); }

 private:
  Source& real_;
  std::size_t loses_;
};

TEST_F(KafkaMessaging, WhatIsLostOnTheWay_IsAskedForAgain) {
  sender_.append("stream-1", 20);
  auto relay = this->relay();
  relay.step(sender_.log());
  Member member(taker_, settings_);
  Forgetful source(*member.source, 3);
  Consumer consumer(taker_.parts(source, member.figures),
                    {.gap_pause = std::chrono::milliseconds(50)});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (taker_.rows().size() < 20 && std::chrono::steady_clock::now() < end)
    consumer.step(std::chrono::milliseconds(50));
  expect_each_once_and_in_order(20);
}

TEST_F(KafkaMessaging, WhatConcernsNobody_IsCommittedWithWhatDoes) {
  sender_.append("stream-1", 6);
  for (const auto* revision : {"1", "2", "4", "5"})
    taker_.ignored.insert(std::string("stream-1@") + revision);
  auto relay = this->relay();
  relay.step(sender_.log());
  Member member(taker_, settings_, {.batch_max = 2, .hold_max = std::chrono::hours(1)});
  EXPECT_TRUE(until_taken(member, 2));
  EXPECT_EQ(taker_.rows(), (std::vector<std::string>{"stream-1@3", "stream-1@6"}));
  EXPECT_EQ(taker_.place(lane_of(topic_name, "stream-1", 3)).position, 6);
}

TEST_F(KafkaMessaging, WhatConcernsNobody_WaitsALittle_AndIsCommitted) {
  sender_.append("stream-1", 5);
  for (int revision = 1; revision <= 5; ++revision)
    taker_.ignored.insert("stream-1@" + std::to_string(revision));
  auto relay = this->relay();
  relay.step(sender_.log());
  const auto lane = lane_of(topic_name, "stream-1", 3);
  Member held(taker_, settings_, {.hold_max = std::chrono::hours(1)});
  EXPECT_TRUE(until(held, [&] { return taker_.received == 5; }));
  EXPECT_EQ(taker_.commits(), 0);
  EXPECT_EQ(taker_.place(lane).position, 0);
  held.source.reset();
  Member member(taker_, settings_, {.hold_max = std::chrono::milliseconds(100)});
  EXPECT_TRUE(until(member, [&] { return taker_.place(lane).position == 5; }));
  EXPECT_EQ(taker_.commits(), 1);
  EXPECT_EQ(member.figures.repeats(), 0);
}

TEST_F(KafkaMessaging, GoingBackWhileTheBrokerIsAway_LosesNothing) {
  auto& server = *KafkaServer::shared();
  auto relay = this->relay();
  auto member = std::make_unique<Member>(taker_, settings_,
                                         Consumer::Options{.pause = std::chrono::milliseconds(1)});
  sender_.append_to_many(5, 4);
  relay.step(sender_.log());
  EXPECT_TRUE(until_taken(*member, 20));
  sender_.append_to_many(5, 4);
  relay.step(sender_.log());
  const auto batch = member->source->receive(500, std::chrono::seconds(10));
  ASSERT_FALSE(batch.empty());
  server.stop(SIGKILL);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  bool is_refused = false;
  try {
    for (auto one = batch.rbegin(); one != batch.rend(); ++one)
      member->source->go_back(one->message.lane, one->offset);
  } catch (const kafka::Failure&) {
    is_refused = true;
  }
  server.start();
  if (is_refused)  // as its runner does
    member = std::make_unique<Member>(taker_, settings_);
  EXPECT_TRUE(until_taken(*member, 40));
  expect_each_once_and_in_order(40);
}

TEST_F(KafkaMessaging, AnotherEpoch_IsNotTaken) {
  sender_.append("stream-1", 2);
  auto relay = this->relay();
  relay.step(sender_.log());
  sender_.append("stream-1", 1);
  auto restored = this->relay(relay.confirmed(), 2);
  restored.step(sender_.log());
  Member member(taker_, settings_);
  EXPECT_TRUE(until(member, [&] { return member.figures.gaps() > 0; }));
  EXPECT_EQ(taker_.rows().size(), 2U);
  EXPECT_NE(taker_.warnings().back().find("epoch 2"), std::string::npos);
}

TEST_F(KafkaMessaging, AMessageThatFailsOnce_IsTakenOnce) {
  sender_.append_to_many(3, 10);
  auto relay = this->relay();
  relay.step(sender_.log());
  taker_.fail_once = {"stream-0@4", "stream-2@7"};
  Member member(taker_, settings_, {.pause = std::chrono::milliseconds(1)});
  EXPECT_TRUE(until_taken(member, 30));
  expect_each_once_and_in_order(30);
  EXPECT_TRUE(taker_.rows("taker_parked").empty());
}

TEST_F(KafkaMessaging, AMessageThatFailsAgainAndAgain_IsPutAside_AndTheOthersGoOn) {
  sender_.append_to_many(3, 10);
  auto relay = this->relay();
  relay.step(sender_.log());
  taker_.poison = "stream-1@5";
  Member member(taker_, settings_, {.pause = std::chrono::milliseconds(1)});
  EXPECT_TRUE(until_taken(member, 29));
  EXPECT_EQ(taker_.rows().size(), 29U);
  EXPECT_EQ(taker_.rows("taker_parked"), (std::vector<std::string>{"stream-1@5"}));
  EXPECT_EQ(member.figures.parked(), 1);
}

TEST_F(KafkaMessaging, AStoreThatIsAway_PutsNothingAside) {
  sender_.append_to_many(3, 10);
  auto relay = this->relay();
  relay.step(sender_.log());
  taker_.be_away(true);
  Member member(taker_, settings_, {.pause = std::chrono::milliseconds(1)});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (std::chrono::steady_clock::now() < end)
    member.consumer.step(std::chrono::milliseconds(20));
  taker_.be_away(false);
  EXPECT_TRUE(until_taken(member, 30));
  expect_each_once_and_in_order(30);
  EXPECT_TRUE(taker_.rows("taker_parked").empty());
}

TEST_F(KafkaMessaging, WhatIsNoCloudEvent_IsPutAside_AndLeavesNoGap) {
  sender_.append("stream-1", 2);
  auto relay = this->relay();
  relay.step(sender_.log());
  Message strange;
  strange.lane = lane_of(topic_name, "stream-1", 3);
  publisher_->send(strange);
  ASSERT_TRUE(publisher_->confirm());
  sender_.append("stream-1", 1);
  relay.step(sender_.log());
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 3));
  expect_each_once_and_in_order(3);
  EXPECT_EQ(taker_.rows("taker_parked").size(), 1U);
}

TEST_F(KafkaMessaging, WhatIsRepublishedToAGroupThatHasIt_HasNoEffect_AndMovesNoPlace) {
  sender_.append_to_many(5, 20);
  auto relay = this->relay();
  relay_all(relay);
  const auto lane = lane_of(topic_name, "stream-1", 3);
  {
    Member member(taker_, settings_);
    EXPECT_TRUE(until_taken(member, 100));
    const auto before = taker_.place(lane);
    EXPECT_EQ(republish(11, 60), 50);
    EXPECT_TRUE(until(member, [&] { return member.figures.repeats() == 50; }));
    const auto after = taker_.place(lane);
    EXPECT_EQ(after.offset, before.offset);
    EXPECT_EQ(after.position, before.position);
    EXPECT_EQ(taker_.place({replay_topic(), 0}).offset, 50) << "it need not come once more";
  }
  sender_.append_to_many(5, 1);
  relay_all(relay);
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 105));
  expect_each_once_and_in_order(105);
  EXPECT_EQ(member.figures.repeats(), 0);
}

TEST_F(KafkaMessaging, WhatKafkaDeletedBeforeItWasTaken_IsTakenFromARepublication) {
  auto& server = *KafkaServer::shared();
  sender_.append_to_many(5, 20);
  auto relay = this->relay();
  relay_all(relay);
  {
    Member member(taker_, settings_);
    EXPECT_TRUE(until_taken(member, 100));
  }
  sender_.append_to_many(5, 20);
  relay_all(relay);
  server.delete_records(topic_name, 3);
  sender_.append_to_many(5, 20);
  relay_all(relay);
  Member member(taker_, settings_, {.gap_pause = std::chrono::milliseconds(50)});
  ASSERT_TRUE(until(member, [&] { return member.figures.gaps() >= 3; }));
  EXPECT_EQ(taker_.rows().size(), 100U) << "nothing is skipped";
  EXPECT_NE(taker_.warnings()[0].find("has not come. ask shop from "), std::string::npos);
  EXPECT_EQ(republish(101, 200), 100);
  EXPECT_TRUE(until_taken(member, 300));
  expect_each_once_and_in_order(300);
  sender_.append_to_many(5, 1);
  relay_all(relay);
  EXPECT_TRUE(until_taken(member, 305));
  expect_each_once_and_in_order(305);
}

TEST_F(KafkaMessaging, ATopicThatWasMadeAnew_IsFilledFromTheLog_AndReadFromItsBeginning) {
  auto& server = *KafkaServer::shared();
  sender_.append("stream-1", 10);
  auto relay = this->relay();
  relay_all(relay);
  {
    Member member(taker_, settings_);
    EXPECT_TRUE(until_taken(member, 10));
  }
  sender_.append("stream-1", 5);
  relay_all(relay);
  server.delete_topic(topic_name);
  kafka::make_topics(settings_, {{topic_name, 3, 1}});
  publisher_ = kafka::make_publisher(settings_);
  auto goes_on = this->relay(relay.confirmed());
  sender_.append("stream-1", 30);  // so that there is something at the offset of before
  relay_all(goes_on);
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 45));
  expect_each_once_and_in_order(45);
}

TEST_F(KafkaMessaging, ARepublicationThatBeginsTooLate_WaitsForWhatStandsBeforeIt) {
  sender_.append_to_many(5, 20);
  auto relay = this->relay();
  relay_all(relay);
  KafkaServer::shared()->delete_records(topic_name, 3);
  EXPECT_EQ(republish(51, 100), 50);
  auto member = std::make_unique<Member>(
      taker_, settings_, Consumer::Options{.gap_pause = std::chrono::milliseconds(50)});
  EXPECT_TRUE(until(*member, [&] { return member->figures.gaps() > 0; }));
  EXPECT_TRUE(taker_.rows().empty());
  EXPECT_EQ(republish(1, 50), 50);
  EXPECT_TRUE(until_taken(*member, 50));
  EXPECT_EQ(taker_.place(lane_of(topic_name, "stream-1", 3)).offset, 0)
      << "of its own nothing was taken";
  member.reset();  // the next one does not begin behind what was passed over
  member = std::make_unique<Member>(taker_, settings_,
                                    Consumer::Options{.gap_pause = std::chrono::milliseconds(50)});
  EXPECT_TRUE(until_taken(*member, 100));
  expect_each_once_and_in_order(100);
}

TEST_F(KafkaMessaging, WhatIsLostOnTheWayOfARepublication_IsAskedForAgain) {
  sender_.append_to_many(5, 20);
  auto relay = this->relay();
  relay_all(relay);
  KafkaServer::shared()->delete_records(topic_name, 3);
  EXPECT_EQ(republish(1, 100), 100);
  Member member(taker_, settings_);
  Forgetful source(*member.source, 7);
  Consumer consumer(taker_.parts(source, member.figures),
                    {.batch_max = 10, .gap_pause = std::chrono::milliseconds(50)});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (taker_.rows().size() < 100 && std::chrono::steady_clock::now() < end)
    consumer.step(std::chrono::milliseconds(50));
  expect_each_once_and_in_order(100);
}

TEST_F(KafkaMessaging, OfARepublication_OnlyWhatTheGroupTakesComes) {
  sender_.append("stream-1", 3);
  Republication others({"shop", published, [](std::string_view) { return topic_name + "-replay"; }},
                       *publisher_, 1, {1, 3}, [](const Lane&) { return Lane{replay_topic(), 0}; });
  while (others.step(sender_.log())) {
  }
  auto relay = this->relay();
  relay_all(relay);
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 3));
  EXPECT_FALSE(until(member,
                     [begun = std::chrono::steady_clock::now()] {
                       return std::chrono::steady_clock::now() > begun + std::chrono::seconds(1);
                     }) &&
               member.figures.repeats() + member.figures.parked() > 0);
  EXPECT_EQ(taker_.place(lane_of(replay_topic(), "stream-1", 1)).position, 0);
}

TEST_F(KafkaMessaging, MembersThatComeAndGo_TakeEachMessageOnce) {
  auto relay = this->relay();
  std::vector<std::unique_ptr<Member>> members;
  std::size_t sent = 0;
  for (int round = 0; round < 6; ++round) {
    if (round == 2 || round == 3) members.push_back(std::make_unique<Member>(taker_, settings_));
    if (round == 0) members.push_back(std::make_unique<Member>(taker_, settings_));
    if (round == 5) members.erase(members.begin());
    sender_.append_to_many(9, 20);
    sent += 180;
    while (relay.step(sender_.log())) {
    }
    for (int steps = 0; steps < 20; ++steps)
      for (const auto& member : members) member->consumer.step(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(until_taken(members, sent));
  expect_each_once_and_in_order(sent);
}

TEST_F(KafkaMessaging, WhoGoesInGoodOrder_LeavesItsPartitionsAtOnce) {
  auto relay = this->relay();
  std::vector<std::unique_ptr<Member>> members;
  for (const auto* name : {"one", "two"})
    members.push_back(std::make_unique<Member>(taker_, settings_, Consumer::Options{}, name));
  std::size_t sent = 0;
  const auto send_to_all_lanes = [&] {
    sender_.append_to_many(9, 1);
    sent += 9;
    relay_all(relay);
  };
  const auto is_shared_out = [&] {
    return std::ranges::all_of(members, [](const auto& one) {
      return one->metrics.text().find("outcome=\"taken\"} 0") == std::string::npos;
    });
  };
  for (int tries = 0; tries < 100 && !is_shared_out(); ++tries) {
    send_to_all_lanes();
    ASSERT_TRUE(until_taken(members, sent));
  }
  ASSERT_TRUE(is_shared_out());

  members.erase(members.begin());
  const auto gone = std::chrono::steady_clock::now();
  send_to_all_lanes();
  ASSERT_TRUE(until_taken(members, sent));
  // The session of one that dies lasts ten.
  EXPECT_LT(std::chrono::steady_clock::now() - gone, std::chrono::seconds(5));
  expect_each_once_and_in_order(sent);
}

TEST_F(KafkaMessaging, ABrokerThatDies_LosesNothingAndDoublesNothing) {
  auto& server = *KafkaServer::shared();
  auto relay = this->relay();
  Member member(taker_, settings_);
  sender_.append_to_many(5, 20);
  relay.step(sender_.log());
  EXPECT_TRUE(until_taken(member, 100));
  publisher_ = kafka::make_publisher(settings_, std::chrono::seconds(1));
  auto hasty = this->relay(relay.confirmed());
  hasty.step(sender_.log());
  sender_.append_to_many(5, 20);
  ASSERT_EQ(publisher_->partitions(topic_name), 3);
  server.signal(SIGSTOP);
  EXPECT_FALSE(hasty.step(sender_.log())) << "nobody confirms it";
  EXPECT_EQ(hasty.failures(), 1);
  server.signal(SIGCONT);
  server.stop(SIGKILL);
  server.start();
  publisher_ = kafka::make_publisher(settings_);
  auto patient = this->relay(hasty.confirmed());
  patient.step(sender_.log());
  EXPECT_LE(patient.published(), 100) << "the broker may have some of them";
  EXPECT_TRUE(until_taken(member, 200));
  expect_each_once_and_in_order(200);
}

TEST_F(KafkaMessaging, ABrokerThatWasAwayForLong_IsFoundSoon) {
  const SystemClock clock;
  telemetry::Metrics metrics;
  MessageFigures figures(metrics, clock);
  std::vector<std::unique_ptr<Runner>> runners;
  for (const auto* name : {"one", "two", "three"})
    runners.push_back(run_consumer([this, name] { return source_of(taker_, settings_, name); },
                                   [&](Source& source) {
                                     return std::make_unique<Consumer>(
                                         taker_.parts(source, figures), Consumer::Options{});
                                   },
                                   [](const std::string&) {}));
  auto relay = this->relay();
  const auto relays_and_all_are_taken = [&](std::size_t count) {
    sender_.append_to_many(9, 1);
    relay_all(relay);
    return comes_true([&] { return taker_.rows().size() >= count; });
  };
  ASSERT_TRUE(relays_and_all_are_taken(9));
  KafkaServer::shared()->stop(SIGKILL);
  std::this_thread::sleep_for(std::chrono::seconds(14));
  KafkaServer::shared()->start();
  const auto back = std::chrono::steady_clock::now();
  ASSERT_TRUE(relays_and_all_are_taken(18));
  EXPECT_LT(std::chrono::steady_clock::now() - back, std::chrono::seconds(5));
  runners.clear();
  expect_each_once_and_in_order(18);
}

TEST_F(KafkaMessaging, WhatABrokerLosesAfterItConfirmed_IsPublishedAgain) {
  auto& server = *KafkaServer::shared();
  auto relay = this->relay();
  sender_.append_to_many(5, 20);
  relay.step(sender_.log());
  sender_.append_to_many(5, 1);
  relay.step(sender_.log());
  EXPECT_EQ(relay.published(), 105);
  server.stop(SIGKILL);
  server.lose_tails(topic_name);
  server.start();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (relay.forgotten() == 0 && std::chrono::steady_clock::now() < end)
    relay.step(sender_.log());
  EXPECT_GT(relay.forgotten(), 0) << "it hears that the broker was away, and looks";
  EXPECT_GT(relay.published(), 105);
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 105));
  expect_each_once_and_in_order(105);
  EXPECT_EQ(member.figures.repeats(), 0);
}

TEST_F(KafkaMessaging, WhoTookWhatTheBrokerLost_TakesItNotAgain_AndGoesOn) {
  auto& server = *KafkaServer::shared();
  auto relay = this->relay();
  auto member = std::make_unique<Member>(taker_, settings_);
  sender_.append_to_many(5, 20);
  relay.step(sender_.log());
  EXPECT_TRUE(until_taken(*member, 100));
  sender_.append_to_many(5, 1);
  relay.step(sender_.log());
  EXPECT_TRUE(until_taken(*member, 105));
  server.stop(SIGKILL);
  server.lose_tails(topic_name);
  server.start();
  member = std::make_unique<Member>(taker_, settings_);
  EXPECT_TRUE(until(*member, [&] { return member->figures.repeats() > 0; }));
  for (int steps = 0; steps < 50; ++steps) member->consumer.step(std::chrono::milliseconds(20));
  EXPECT_LE(member->figures.repeats(), 3) << "of each partition the last, not all of it";
  sender_.append_to_many(5, 2);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((taker_.rows().size() < 115 || relay.confirmed().position < 115) &&
         std::chrono::steady_clock::now() < end) {
    relay.step(sender_.log());
    try {
      member->consumer.step(std::chrono::milliseconds(20));
    } catch (const kafka::Failure&) {  // as its runner does
      member = std::make_unique<Member>(taker_, settings_);
    }
  }
  EXPECT_GT(relay.forgotten(), 0);
  expect_each_once_and_in_order(115);
}

TEST_F(KafkaMessaging, ARelayThatForgotItsProgress_SendsNothingTwice) {
  auto first = relay();
  sender_.append_to_many(5, 10);
  first.step(sender_.log());
  const auto stored = first.confirmed();
  sender_.append_to_many(5, 10);
  first.step(sender_.log());
  auto again = relay(stored);
  sender_.append_to_many(5, 1);
  again.step(sender_.log());
  EXPECT_EQ(again.published(), 5);
  Member member(taker_, settings_);
  EXPECT_TRUE(until_taken(member, 105));
  expect_each_once_and_in_order(105);
  EXPECT_EQ(member.figures.repeats(), 0);
}

TEST_F(KafkaMessaging, ATopicWithOtherPartitions_IsRefused) {
  EXPECT_NO_THROW(kafka::make_topics(settings_, {{topic_name, 3, 1}}));
  EXPECT_THROW(kafka::make_topics(settings_, {{topic_name, 4, 1}}), kafka::Failure);
}

TEST_F(KafkaMessaging, AWrongSetting_IsNamed) {
  try {
    kafka::make_publisher({{"bootstrap.server", "x"}});
    FAIL();
  } catch (const kafka::Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("bootstrap.server"), std::string::npos);
  }
}

TEST(LaneOfAKey, IsTheSameForEver) {
  EXPECT_EQ(lane_of("t", "order-1", 6).partition, lane_of("t", "order-1", 6).partition);
  EXPECT_EQ(lane_of("t", "", 6).partition, 5);
  EXPECT_EQ(lane_of("t", "a", 1'000).partition, 996);
}

}  // namespace
}  // namespace stoa::messaging
