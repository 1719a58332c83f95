#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/by_hand.hpp"
#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "services/payment/infrastructure/sql_payment_store.hpp"
#include "services/payment/module.hpp"

namespace stoa::payment {
namespace {

namespace asked = ordering::contracts;
using std::chrono::seconds;

class HandProvider final : public PaymentProvider {
 public:
  void call(ProviderRequest request, std::function<void(ProviderAnswer)> answer) override {
    requests.push_back(std::move(request));
    answers.push_back(std::move(answer));
  }
  void payer_action(ProviderRequest, ActionAnswer answer) override { answer(std::nullopt); }
  std::vector<ProviderRequest> requests;
  std::vector<std::function<void(ProviderAnswer)>> answers;
};

/// Two write sides of Payment over the same tables, each with a line to the provider of its own.
class PaymentReplicasTest : public testing::Test {
 protected:
  struct Replica {
    Replica(PaymentReplicasTest& test, std::string name)
        : log(make_stored_log(*test.db_, "payment_", *test.crypto_)),
          payments(executor, test.clock_, *log, test.topic_, *test.store_, provider, test.tracer_,
                   PaymentOptions{.owner = std::move(name)}) {}
    HandExecutor executor;
    HandProvider provider;
    std::unique_ptr<StoredLog> log;
    Payments payments;
  };

  PaymentReplicasTest() {
    const auto schema = log_schema("payment_");
    sql::migrate(*database_, {"payment_log", {schema}});
    sql::migrate(*database_, migrations());
    db_ = database_->handle("payment_");
    store_ = make_sql_payment_store(*db_);
    topic_.subscribe(*this);
  }

 public:
  void on(UnitOfWork&, const contracts::PaymentCaptured&) { ++captures_; }

 protected:
  void run(Replica& replica, const std::function<void(UnitOfWork&)>& step) {
    database_->begin();
    replica.payments.rolled_back();  // the other one may have written
    replica.log->rolled_back();
    UnitOfWork unit(clock_.now());
    step(unit);
    unit.drain_reactions();
    replica.payments.flush(unit);
    replica.log->flush(unit);
    database_->commit();
    clock_.pass(commit_takes_);
    replica.log->committed();
    for (auto& action : unit.take_after_commit()) action();
  }
  void ask(Replica& replica) {
    run(replica, [&](UnitOfWork& unit) {
      replica.payments.on(
          unit, asked::PaymentRequested{"ord_1", id_, amount_, "simulator", "tok_ok", true});
    });
  }
  void take_up_due(Replica& replica) {
    run(replica, [&](UnitOfWork& unit) { replica.payments.take_up_due(unit); });
  }
  void answer(Replica& replica, std::size_t call, Outcome outcome) {
    replica.provider.answers.at(call)({outcome, amount_, "ref_of_provider", ""});
    for (auto& work : std::exchange(replica.executor.works, {})) run(replica, work.run);
  }

  const asked::PaymentId id_{Uuid{1}};
  const Money amount_{900, *Currency::parse("GBP")};
  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<PaymentStore> store_;
  HandClock clock_;
  Duration commit_takes_{};
  telemetry::Tracer tracer_;
  Topic<contracts::Event> topic_;
  int captures_ = 0;
};

TEST_F(PaymentReplicasTest, ACallInFlight_IsLeftToItsReplica) {
  Replica one(*this, "one"), two(*this, "two");
  ask(one);
  take_up_due(two);
  EXPECT_TRUE(two.provider.requests.empty()) << "a replica that starts makes its own work due";
  clock_.pass(PaymentOptions{}.provider_timeout);
  take_up_due(two);
  EXPECT_TRUE(two.provider.requests.empty());
  take_up_due(one);
  ASSERT_EQ(one.provider.requests.size(), 2U);
  EXPECT_EQ(one.provider.requests.back().operation, Operation::find);
}

TEST_F(PaymentReplicasTest, TheLeaseOfADeadReplica_RunsOut_AndItsLateAnswerCountsOnce) {
  Replica one(*this, "one"), two(*this, "two");
  ask(one);
  clock_.pass(2 * PaymentOptions{}.provider_timeout);
  take_up_due(two);
  ASSERT_EQ(two.provider.requests.size(), 1U);
  EXPECT_EQ(two.provider.requests.back().operation, Operation::find);
  EXPECT_EQ(two.provider.requests.back().key, one.provider.requests.back().key);
  answer(one, 0, Outcome::captured);
  answer(two, 0, Outcome::captured);
  EXPECT_EQ(captures_, 1);
}

TEST_F(PaymentReplicasTest, AReplicaThatComesBack_TakesUpItsOwnAtOnce) {
  Replica one(*this, "one");
  ask(one);
  Replica again(*this, "one");
  take_up_due(again);
  ASSERT_EQ(again.provider.requests.size(), 1U);
  EXPECT_EQ(again.provider.requests.back().operation, Operation::find);
}

TEST_F(PaymentReplicasTest, WhoLostItsLease_SendsNothingAgain) {
  Replica one(*this, "one"), two(*this, "two");
  ask(one);
  clock_.pass(PaymentOptions{}.provider_timeout);
  take_up_due(one);
  ASSERT_EQ(one.provider.requests.size(), 2U);
  clock_.pass(seconds(20));
  take_up_due(two);
  ASSERT_EQ(two.provider.requests.size(), 1U);
  answer(one, 1, Outcome::not_found);
  EXPECT_EQ(one.provider.requests.size(), 2U) << "the other one asks, and sends it again";
  answer(two, 0, Outcome::not_found);
  ASSERT_EQ(two.provider.requests.size(), 2U);
  EXPECT_EQ(two.provider.requests.back().operation, Operation::authorize);
}

TEST_F(PaymentReplicasTest, CommitsSlowerThanTheLease_LengthenIt_AndTheProviderIsCalled) {
  Replica one(*this, "one"), two(*this, "two");
  commit_takes_ = 3 * PaymentOptions{}.provider_timeout;
  ask(one);
  EXPECT_TRUE(one.provider.requests.empty()) << "another could have taken it over meanwhile";
  take_up_due(one);
  ASSERT_EQ(one.provider.requests.size(), 1U);
  take_up_due(two);
  EXPECT_TRUE(two.provider.requests.empty());
}

TEST_F(PaymentReplicasTest, WhatIsPending_IsAskedForByWhoeverIsThere) {
  Replica one(*this, "one"), two(*this, "two");
  ask(one);
  answer(one, 0, Outcome::pending);
  clock_.pass(PaymentOptions{}.report_timeout);
  take_up_due(two);
  EXPECT_EQ(two.provider.requests.size(), 1U);
}

}  // namespace
}  // namespace stoa::payment
