#include "kernel/eventlog/subscription.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "contracts/sqlite_log_store.hpp"

namespace stoa {
namespace {

using Texts = std::vector<std::string>;

/// Subscribers of a log in a real file, whose effects are kept in memory.
class SubscriptionTest : public testing::Test {
 protected:
  SubscriptionTest() { store_.db().run_script(Checkpoints::schema("shop_")); }

  void append(const std::string& type) {
    store_.begin();
    ASSERT_TRUE(store_.log().append("a", Expected::any, {{type, "{}"}}, {}, Timestamp{}));
    store_.commit();
  }
  Subscription subscribe(std::string name, Texts& to, std::vector<std::string_view> types = {}) {
    return {store_.log(),
            checkpoints_,
            {std::move(name), std::move(types), 2},
            [&to](UnitOfWork&, const std::vector<RecordedEvent>& events) {
              for (const auto& event : events) to.push_back(event.type);
            }};
  }
  bool slice(Subscription& subscription) {
    store_.begin();
    const bool more = subscription.slice(store_.unit());
    store_.commit();
    return more;
  }
  void catch_up(Subscription& subscription) {
    for (int slices = 0; slice(subscription); ++slices) ASSERT_LT(slices, 100) << "no end";
  }

  SqliteLogStore store_;
  Checkpoints checkpoints_{store_.db(), "shop_"};
  Texts got_;
};

TEST_F(SubscriptionTest, ANewSubscriber_CatchesUpInSlicesAndThenFollows) {
  for (const auto* type : {"A", "B", "C"}) append(type);
  auto subscription = subscribe("one", got_);
  EXPECT_TRUE(slice(subscription));
  EXPECT_EQ(got_, (Texts{"A", "B"})) << "two events a slice";
  EXPECT_FALSE(slice(subscription));
  append("D");
  catch_up(subscription);
  EXPECT_EQ(got_, (Texts{"A", "B", "C", "D"}));
}

TEST_F(SubscriptionTest, AFilter_PassesTheWantedAndMovesOverTheRest) {
  for (const auto* type : {"A", "B", "B", "A", "B"}) append(type);
  auto subscription = subscribe("one", got_, {"A"});
  catch_up(subscription);
  EXPECT_EQ(got_, (Texts{"A", "A"}));
  EXPECT_EQ(checkpoints_.of("one"), 5);
}

TEST_F(SubscriptionTest, TheCheckpoint_StaysOverARestart) {
  append("A");
  {
    auto subscription = subscribe("one", got_);
    catch_up(subscription);
  }
  append("B");
  auto again = subscribe("one", got_);
  catch_up(again);
  EXPECT_EQ(got_, (Texts{"A", "B"}));
}

TEST_F(SubscriptionTest, ARollback_TakesTheCheckpointBackWithTheEffect) {
  append("A");
  auto subscription = subscribe("one", got_);
  store_.begin();
  subscription.slice(store_.unit());
  store_.rollback();
  EXPECT_EQ(checkpoints_.of("one"), 0);
  got_.clear();
  catch_up(subscription);
  EXPECT_EQ(got_, Texts{"A"}) << "it is carried again";
}

TEST_F(SubscriptionTest, AnEffectThatFails_IsCarriedAgain) {
  append("A");
  bool fails = true;
  Subscription subscription(store_.log(), checkpoints_, {.name = "one"},
                            [&](UnitOfWork&, const std::vector<RecordedEvent>& events) {
                              if (fails) throw std::runtime_error("a defect");
                              got_.push_back(events.front().type);
                            });
  store_.begin();
  EXPECT_THROW(subscription.slice(store_.unit()), std::runtime_error);
  store_.rollback();
  fails = false;
  catch_up(subscription);
  EXPECT_EQ(got_, Texts{"A"});
}

TEST_F(SubscriptionTest, WithoutANewEvent_TheLogIsNotRead) {
  append("A");
  auto subscription = subscribe("one", got_);
  catch_up(subscription);
  // Whoever reads now would find the checkpoint gone and begin again.
  store_.begin();
  checkpoints_.set("one", 0);
  store_.commit();
  catch_up(subscription);
  EXPECT_EQ(got_, Texts{"A"});
}

TEST_F(SubscriptionTest, ASecondName_IsRebuiltBesideTheLiveOne) {
  for (const auto* type : {"A", "B", "C"}) append(type);
  auto live = subscribe("one", got_);
  catch_up(live);
  Texts rebuilt;
  auto beside = subscribe("one, anew", rebuilt);
  slice(beside);
  append("D");
  catch_up(live);
  catch_up(beside);
  EXPECT_EQ(rebuilt, got_);
  EXPECT_EQ(rebuilt.size(), 4U);
}

}  // namespace
}  // namespace stoa
