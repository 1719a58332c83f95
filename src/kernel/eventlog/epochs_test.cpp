#include "kernel/eventlog/epochs.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

TEST(LogEpochsTest, ALogThatWasNeverRestored_HoldsAllOfItsFirstEpoch) {
  const LogEpochs epochs;
  EXPECT_EQ(epochs.current(), 1);
  EXPECT_TRUE(epochs.holds(1'000'000, 1));
  EXPECT_FALSE(epochs.holds(1, 7)) << "another shop's epoch";
  EXPECT_TRUE(epochs.holds(0, 7)) << "who has read nothing has read nothing wrong";
}

TEST(LogEpochsTest, ARestore_KeepsWhatTheBackupHeld) {
  const LogEpochs epochs({{70, 12}, {90, 40}});
  EXPECT_EQ(epochs.current(), 90);
  EXPECT_TRUE(epochs.holds(12, 1));
  EXPECT_FALSE(epochs.holds(13, 1));
  EXPECT_TRUE(epochs.holds(40, 70));
  EXPECT_FALSE(epochs.holds(41, 70));
  EXPECT_TRUE(epochs.holds(41, 90));
}

TEST(LogEpochsTest, ARestoreOfAnOlderCut_CountsForAllEpochsBefore) {
  const LogEpochs epochs({{70, 40}, {90, 12}});
  EXPECT_FALSE(epochs.holds(13, 1));
  EXPECT_FALSE(epochs.holds(13, 70));
  EXPECT_TRUE(epochs.holds(12, 1));
}

TEST(ServiceEpochsTest, TheFirstEpoch_IsNotWritten) {
  const ServiceEpochs never;
  EXPECT_EQ(never.mark("catalog:12,ordering:7"), "catalog:12,ordering:7");
  EXPECT_EQ(never.unmark("catalog:12,ordering:7"), "catalog:12,ordering:7");
  EXPECT_EQ(never.unmark("catalog=12@90").error().code, "log_epoch_changed");
}

TEST(ServiceEpochsTest, AnEpoch_GoesOutAndComesBack) {
  const ServiceEpochs epochs({{"catalog", LogEpochs({{90, 12}})}});
  EXPECT_EQ(epochs.mark("catalog=15,ordering=7"), "catalog=15@90,ordering=7");
  EXPECT_EQ(epochs.unmark("catalog=15@90,ordering=7"), "catalog=15,ordering=7");
  EXPECT_EQ(epochs.unmark("catalog=12"), "catalog=12");
}

TEST(ServiceEpochsTest, WhatIsGone_IsSaidWithWhereToGoOn) {
  const ServiceEpochs epochs({{"catalog", LogEpochs({{90, 12}})}});
  const auto refused = epochs.unmark("catalog:15,ordering:7");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
  EXPECT_NE(refused.error().detail.find("catalog:12@90,ordering:7"), std::string::npos);
}

TEST(ServiceEpochsTest, OfOtherProcesses_NothingIsJudged) {
  const ServiceEpochs epochs({{"catalog", LogEpochs({{90, 12}})}},
                             ServiceEpochs::Others::not_judged);
  EXPECT_EQ(epochs.mark("catalog=15,ordering=7"), "catalog=15@90,ordering=7");
  EXPECT_EQ(epochs.unmark("catalog=12,ordering=7@80"), "catalog=12,ordering=7");
  EXPECT_EQ(epochs.unmark("catalog=13,ordering=7@80").error().code, "log_epoch_changed");
  EXPECT_EQ(epochs.common("catalog:13,ordering:7@80"), "catalog:12@90,ordering:7@80");
}

TEST(ServiceEpochsTest, MalformedText_StaysSo) {
  const ServiceEpochs epochs({{"catalog", LogEpochs({{90, 12}})}});
  for (const auto* text :
       {"", "0", "soon", ",", "catalog:", "catalog:1@", "catalog:1@x", "catalog:-1"})
    EXPECT_EQ(epochs.unmark(text), text);
}

}  // namespace
}  // namespace stoa
