#include "gateway/instances.hpp"

#include <gtest/gtest.h>

#include <map>

#include "kernel/resilience/retry_budget.hpp"

namespace stoa {
namespace {

using http::Origin;

const Timestamp noon{std::chrono::hours(12)};

Origin at(std::uint16_t port) { return {"127.0.0.1", port}; }

/// How many of a thousand picks each port gets when each ends at once.
std::map<std::uint16_t, int> shares(Instances& instances) {
  std::map<std::uint16_t, int> counts;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const auto one = instances.pick(i * 0x9e3779b97f4a7c15, noon);
    if (!one) continue;
    ++counts[one->origin().port];
    instances.ended(one, true, noon);
  }
  return counts;
}

TEST(Instances, WithoutAny_NoneIsPicked) {
  Instances instances;
  EXPECT_EQ(instances.pick(7, noon), nullptr);
}

TEST(Instances, AllAreUsed) {
  Instances instances;
  instances.set({at(1), at(2), at(3)});
  const auto counts = shares(instances);
  ASSERT_EQ(counts.size(), 3U);
  for (const auto& [port, count] : counts) EXPECT_GT(count, 200);
}

TEST(Instances, OfTwo_TheOneWithLessToDoIsPicked) {
  Instances instances;
  instances.set({at(1), at(2)});
  const auto busy = instances.pick(0, noon);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto other = instances.pick(i * 0x9e3779b97f4a7c15, noon);
    EXPECT_NE(other, busy);
    instances.ended(other, true, noon);
  }
}

TEST(Instances, OneWhoseProbesFail_GetsNothingUntilOneSucceeds) {
  Instances instances;
  instances.set({at(1), at(2)});
  const auto sick = instances.all().front();
  instances.probed(sick, false);
  EXPECT_EQ(shares(instances).size(), 2U) << "one failed probe may be chance";
  instances.probed(sick, false);
  EXPECT_EQ(shares(instances), (std::map<std::uint16_t, int>{{2, 1'000}}));
  EXPECT_EQ(instances.well(), 1U);
  instances.probed(sick, true);
  EXPECT_EQ(shares(instances).size(), 2U);
}

TEST(Instances, WhenNoneIsWell_AllAreTried) {
  Instances instances;
  instances.set({at(1), at(2)});
  for (const auto& one : instances.all())
    for (int i = 0; i < Instances::failed_probes_max; ++i) instances.probed(one, false);
  EXPECT_EQ(shares(instances).size(), 2U);
}

TEST(Instances, OneThatDoesNotAnswer_GetsNothingForASecond_ThenOneRequest) {
  Instances instances;
  instances.set({at(1)});
  for (int i = 0; i < Instances::breaker.failures_max; ++i) {
    const auto one = instances.pick(0, noon);
    ASSERT_NE(one, nullptr);
    instances.ended(one, false, noon);
  }
  EXPECT_EQ(instances.pick(0, noon), nullptr);
  const auto later = noon + Instances::breaker.open_for;
  const auto probe = instances.pick(0, later);
  ASSERT_NE(probe, nullptr);
  EXPECT_EQ(instances.pick(0, later), nullptr) << "one at a time, until it has answered";
  instances.ended(probe, true, later);
  EXPECT_NE(instances.pick(0, later), nullptr);
}

TEST(Instances, OneThatCameBack_IsFoundByAProbe_NotByARequest) {
  Instances instances;
  instances.set({at(1), at(2)});
  const auto all = instances.all();
  for (int i = 0; i < Instances::breaker.failures_max; ++i) {
    const auto one = instances.pick(0, noon, all[1]);
    ASSERT_EQ(one, all[0]);
    instances.ended(one, false, noon);
  }
  EXPECT_EQ(shares(instances).size(), 1U);
  instances.probed(all[0], true);
  EXPECT_EQ(shares(instances).size(), 2U);
}

TEST(Instances, ARepeatGoesToAnotherOne_IfThereIsOne) {
  Instances instances;
  instances.set({at(1), at(2)});
  const auto first = instances.pick(0, noon);
  instances.ended(first, false, noon);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto other = instances.pick(i * 0x9e3779b97f4a7c15, noon, first);
    EXPECT_NE(other, first);
    instances.ended(other, true, noon);
  }
  instances.set({at(1)});
  EXPECT_NE(instances.pick(0, noon, first), nullptr);
}

TEST(Instances, WhoStays_KeepsWhatIsKnownOfIt) {
  Instances instances;
  instances.set({at(1), at(2)});
  const auto sick = instances.all().front();
  for (int i = 0; i < Instances::failed_probes_max; ++i) instances.probed(sick, false);
  instances.set({at(1), at(3), at(3)});
  EXPECT_EQ(instances.all().size(), 2U);
  EXPECT_EQ(shares(instances), (std::map<std::uint16_t, int>{{3, 1'000}}));
}

TEST(RetryBudget, RepeatsAreAShareOfCalls) {
  RetryBudget budget;
  int repeats = 0;
  while (budget.take()) ++repeats;
  EXPECT_EQ(repeats, RetryBudget::repeats_initial);
  for (int i = 0; i < 100; ++i) budget.count();
  for (repeats = 0; budget.take();) ++repeats;
  EXPECT_EQ(repeats, 100 / RetryBudget::calls_a_repeat);
  for (int i = 0; i < 100'000; ++i) budget.count();
  for (repeats = 0; budget.take();) ++repeats;
  EXPECT_EQ(repeats, RetryBudget::repeats_max);
}

}  // namespace
}  // namespace stoa
