#include "services/payment/application/payments.hpp"

#include <gtest/gtest.h>

#include "contracts/by_hand.hpp"
#include "contracts/temporary_folder.hpp"
#include "kernel/eventlog/journal.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "services/payment/infrastructure/sql_payment_store.hpp"
#include "services/payment/module.hpp"

namespace stoa::payment {
namespace {

namespace asked = ordering::contracts;

/// Remembers its calls; the test answers them.
class HandProvider final : public PaymentProvider {
 public:
  struct Call {
    ProviderRequest request;
    std::function<void(ProviderAnswer)> answer;
  };
  void call(ProviderRequest request, std::function<void(ProviderAnswer)> answer) override {
    calls.push_back({std::move(request), std::move(answer)});
  }
  void payer_action(ProviderRequest, ActionAnswer answer) override { answer(std::nullopt); }
  std::vector<Call> calls;
};

/// Payment's write side over its real tables, with a provider that the test plays.
class PaymentsTest : public testing::Test {
 protected:
  PaymentsTest() {
    const auto schema = log_schema("payment_");
    sql::migrate(*database_, {"payment_log", {schema}});
    sql::migrate(*database_, migrations());
    db_ = database_->handle("payment_");
    store_ = make_sql_payment_store(*db_);
    topic_.subscribe(*this);
    restart();
  }

 public:
  void on(UnitOfWork&, const auto& event) { published_.push_back(event); }

 protected:
  /// The process ends and another begins: what is durable stays.
  void restart() {
    payments_.reset();
    log_ = make_stored_log(*db_, "payment_", *crypto_);
    executor_.works.clear();
    provider_.calls.clear();
    payments_ = std::make_unique<Payments>(executor_, clock_, *log_, topic_, *store_, provider_,
                                           tracer_, PaymentOptions{});
  }

  using Step = std::function<void(UnitOfWork&)>;
  void run(const Step& step) {
    database_->begin();
    UnitOfWork unit(clock_.now());
    step(unit);
    unit.drain_reactions();
    payments_->flush(unit);
    log_->flush(unit);
    calls_before_commit_ = provider_.calls.size();
    database_->commit();
    log_->committed();
    for (auto& action : unit.take_after_commit()) action();
  }
  void run_and_roll_back(const Step& step) {
    database_->begin();
    UnitOfWork unit(clock_.now());
    step(unit);
    unit.drain_reactions();
    database_->rollback();
    payments_->rolled_back();
    log_->rolled_back();
  }
  void run_executor() {
    for (auto& work : std::exchange(executor_.works, {})) run(work.run);
  }
  void answer(Outcome outcome, const std::string& code = "") {
    provider_.calls.back().answer({outcome, amount_, "ref_of_provider", code});
    run_executor();
  }
  void take_up_due() {
    run([this](UnitOfWork& unit) { payments_->take_up_due(unit); });
  }
  Step ask(bool capture) {
    return [this, capture](UnitOfWork& unit) {
      payments_->on(unit,
                    asked::PaymentRequested{"ord_1", id_, amount_, "simulator", "tok_ok", capture});
    };
  }
  template <class Event>
  [[nodiscard]] bool has_published() const {
    return std::ranges::any_of(published_, [](const contracts::Event& event) {
      return std::holds_alternative<Event>(event);
    });
  }

  const asked::PaymentId id_{Uuid{1}};
  const Money amount_{900, *Currency::parse("GBP")};
  TemporaryFolder folder_;
  std::unique_ptr<sqlite::Database> database_ =
      sqlite::open(folder_.file("shop.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
  std::unique_ptr<PaymentStore> store_;
  HandClock clock_;
  HandExecutor executor_;
  HandProvider provider_;
  telemetry::Tracer tracer_;
  Topic<contracts::Event> topic_;
  std::vector<contracts::Event> published_;
  std::size_t calls_before_commit_ = 0;
  std::unique_ptr<Payments> payments_;
};

TEST_F(PaymentsTest, TheProvider_HearsOfNothingThatIsNotDurable) {
  run_and_roll_back(ask(true));
  EXPECT_TRUE(provider_.calls.empty());
  run(ask(true));
  EXPECT_EQ(calls_before_commit_, 0U);
  ASSERT_EQ(provider_.calls.size(), 1U);
  EXPECT_EQ(provider_.calls.front().request.key, id_.str());
}

TEST_F(PaymentsTest, ACallWithoutAnAnswer_IsAskedForByTheNextProcess) {
  run(ask(true));
  restart();
  take_up_due();
  ASSERT_EQ(provider_.calls.size(), 1U);
  EXPECT_EQ(provider_.calls.front().request.operation, Operation::find);
  EXPECT_EQ(provider_.calls.front().request.key, id_.str());
}

TEST_F(PaymentsTest, AKeyThatIsNotFound_IsSentAgain_AndTheOrderIsNotRefused) {
  run(ask(true));
  restart();
  take_up_due();
  answer(Outcome::not_found);
  ASSERT_EQ(provider_.calls.size(), 2U);
  EXPECT_EQ(provider_.calls.back().request.operation, Operation::authorize);
  EXPECT_EQ(provider_.calls.back().request.key, id_.str());
  EXPECT_FALSE(has_published<contracts::PaymentDeclined>());
  answer(Outcome::captured);
  EXPECT_TRUE(has_published<contracts::PaymentCaptured>());
}

TEST_F(PaymentsTest, AnAnswerThatComesTwice_CapturesOnce) {
  run(ask(true));
  answer(Outcome::captured);
  const auto published = published_.size();
  answer(Outcome::captured);
  EXPECT_EQ(published_.size(), published);
}

TEST_F(PaymentsTest, AVoidThatIsRefused_IsTriedAgain_UntilAPersonMustLook) {
  run(ask(false));
  answer(Outcome::authorized);
  run([this](UnitOfWork& unit) {
    payments_->on(unit, asked::PaymentCloseRequested{"ord_1", id_, "cancelled"});
  });
  int voids = 0;
  for (int round = 0; round < 20 && !has_published<contracts::PaymentParked>(); ++round) {
    ASSERT_EQ(provider_.calls.back().request.operation, Operation::void_payment);
    ++voids;
    answer(Outcome::declined, "not_now");
    clock_.pass(std::chrono::minutes(1));
    take_up_due();
  }
  EXPECT_EQ(voids, PaymentOptions{}.refusals_max);
  EXPECT_TRUE(has_published<contracts::PaymentParked>());
  EXPECT_FALSE(has_published<contracts::PaymentClosed>());
}

TEST_F(PaymentsTest, ClosedBeforeItWasAskedFor_IsToldToOtherServicesInWordsThatTheyCanRead) {
  run([this](UnitOfWork& unit) {
    payments_->on(unit, asked::PaymentCloseRequested{"ord_1", id_, "cancelled"});
  });
  ASSERT_TRUE(has_published<contracts::PaymentClosed>());
  const auto sent = encode_event(published_.back());
  const auto read = read_event<contracts::Event>(sent.type, sent.data);
  EXPECT_TRUE(read) << read.error().detail;
}

}  // namespace
}  // namespace stoa::payment
