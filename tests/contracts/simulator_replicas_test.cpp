#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <vector>

#include "contracts/postgres_server.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "services/payment/infrastructure/simulator.hpp"

namespace stoa::payment {
namespace {

/// Simulators of several replicas, which share one ledger in PostgreSQL.
class SimulatorReplicasTest : public testing::Test {
 protected:
  struct Replica {
    Replica(const std::string& conninfo, const Clock& clock, const Crypto& crypto)
        : database(postgres::open({.conninfo = conninfo, .turns = "sim_writer"},
                                  postgres::Database::Mode::writer)),
          db(database->handle("")),
          simulator(make_simulator(*db, *database, clock, crypto, "a secret of webhooks")) {}
    std::unique_ptr<postgres::Database> database;
    std::unique_ptr<sql::Connection> db;
    std::unique_ptr<Simulator> simulator;
  };

  void SetUp() override {
    STOA_NEEDS_POSTGRES();
    const auto conninfo = PostgresServer::shared()->fresh_database();
    const auto database = postgres::open({conninfo}, postgres::Database::Mode::writer);
    sql::migrate(*database, shared_simulator_migrations());
    for (int i = 0; i < 2; ++i)
      replicas_.push_back(std::make_unique<Replica>(conninfo, clock_, *crypto_));
  }

  std::future<ProviderAnswer> call(std::size_t replica, Operation operation,
                                   const std::string& payment, const std::string& key,
                                   std::int64_t amount) {
    const auto told = std::make_shared<std::promise<ProviderAnswer>>();
    ProviderRequest request;
    request.operation = operation;
    request.payment_id = payment;
    request.key = key;
    request.amount = Money(amount, *Currency::parse("GBP"));
    request.token = "tok_ok";
    replicas_[replica]->simulator->call(
        std::move(request), [told](const ProviderAnswer& answer) { told->set_value(answer); });
    return told->get_future();
  }

  SystemClock clock_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::vector<std::unique_ptr<Replica>> replicas_;
};

TEST_F(SimulatorReplicasTest, AKeyMovesMoneyOnce_WhicheverOfThemIsCalled) {
  std::vector<std::future<ProviderAnswer>> answers;
  for (int i = 0; i < 100; ++i)
    for (std::size_t replica = 0; replica < 2; ++replica)
      answers.push_back(call(replica, Operation::authorize, "pay_" + std::to_string(i),
                             "pay_" + std::to_string(i), 900));
  for (std::size_t i = 0; i < answers.size(); i += 2) {
    const auto one = answers[i].get(), two = answers[i + 1].get();
    EXPECT_EQ(one.outcome, Outcome::captured);
    EXPECT_EQ(one.reference, two.reference);
  }
  int entries = 0;
  for_each_entry(*replicas_[0]->db, [&](const LedgerEntry&) { return ++entries > 0; });
  EXPECT_EQ(entries, 100);
}

TEST_F(SimulatorReplicasTest, RefundsThatRace_GiveBackNoMoreThanWasTaken) {
  for (int round = 0; round < 20; ++round) {
    const auto payment = "pay_" + std::to_string(round);
    EXPECT_EQ(call(0, Operation::authorize, payment, payment, 900).get().outcome,
              Outcome::captured);
    std::vector<std::future<ProviderAnswer>> answers;
    for (std::size_t i = 0; i < 10; ++i)
      answers.push_back(
          call(i % 2, Operation::refund, payment, payment + "-" + std::to_string(i), 200));
    const auto refunded = std::ranges::count_if(
        answers, [](auto& answer) { return answer.get().outcome == Outcome::refunded; });
    EXPECT_EQ(refunded, 4);
  }
}

}  // namespace
}  // namespace stoa::payment
