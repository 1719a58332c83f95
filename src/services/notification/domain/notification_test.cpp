#include "services/notification/domain/notification.hpp"

#include <gtest/gtest.h>

namespace stoa::notification {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const Timestamp noon = *from_rfc3339("2026-11-24T12:00:00Z");
constexpr Duration pause = seconds(30);
constexpr Duration day = hours(24);

Notification queued() {
  Notification one;
  one.id = "ntf_1";
  one.order_id = "ord_1";
  one.event_id = "order-ord_1@7";
  one.created_at = one.first_at = one.due_at = noon;
  return one;
}

TEST(Notification, Accepted_IsSent_AndASecondAnswerChangesNothing) {
  auto one = queued();
  const auto events = settle(one, {TryOutcome::accepted, "", "", "id"}, noon, pause, day);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<NotificationSent>(events[0]).reference, "id");
  EXPECT_EQ(one.status, Status::sent);
  EXPECT_TRUE(settle(one, {TryOutcome::accepted, "", "", "id"}, noon, pause, day).empty());
  EXPECT_TRUE(settle(one, {TryOutcome::refused, "smtp_550"}, noon, pause, day).empty());
  EXPECT_EQ(one.status, Status::sent);
  EXPECT_EQ(one.tries, 1);
}

TEST(Notification, Refused_IsADeadLetterAtOnce) {
  auto one = queued();
  const auto events = settle(one, {TryOutcome::refused, "smtp_550"}, noon, pause, day);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<NotificationDeadLettered>(events[0]).code, "smtp_550");
  EXPECT_EQ(one.status, Status::dead_letter);
}

TEST(Notification, Failed_IsTriedAgainAfterThePause) {
  auto one = queued();
  EXPECT_TRUE(settle(one, {TryOutcome::failed, "smtp_451"}, noon, pause, day).empty());
  EXPECT_EQ(one.status, Status::queued);
  EXPECT_EQ(one.due_at, noon + pause);
  EXPECT_EQ(one.tries, 1);
  EXPECT_EQ(one.code, "smtp_451");
}

TEST(Notification, FailedForADay_IsADeadLetter_AndAReplayBeginsAnew) {
  auto one = queued();
  settle(one, {TryOutcome::failed, "smtp_451"}, noon + hours(24), pause, day);
  EXPECT_EQ(one.status, Status::dead_letter);
  const auto later = noon + hours(48);
  ASSERT_TRUE(replay(one, later));
  EXPECT_EQ(one.status, Status::queued);
  EXPECT_EQ(one.due_at, later);
  settle(one, {TryOutcome::failed, "smtp_451"}, later, pause, day);
  EXPECT_EQ(one.status, Status::queued);
}

TEST(Notification, Unsendable_IsNoDeadLetter) {
  auto one = queued();
  EXPECT_TRUE(settle(one, {TryOutcome::unsendable, "person_forgotten"}, noon, pause, day).empty());
  EXPECT_EQ(one.status, Status::unsendable);
  EXPECT_EQ(one.code, "person_forgotten");
}

TEST(Notification, Replay_IsOnlyOfWhatLiesStill) {
  for (const auto status : {Status::queued, Status::sent, Status::unsendable}) {
    auto one = queued();
    one.status = status;
    EXPECT_EQ(replay(one, noon).error().code, "not_replayable");
    EXPECT_EQ(one.status, status);
  }
  auto one = queued();
  one.status = Status::mailbox;
  EXPECT_TRUE(replay(one, noon));
  EXPECT_FALSE(replay(one, noon)) << "a second time it waits already";
}

TEST(Notification, Claimed_IsNobodyElses_UntilTheClaimIsOverOrTheTryEnded) {
  auto one = queued();
  EXPECT_FALSE(claim(one, "a", noon - seconds(1), noon + seconds(59))) << "it is not due";
  ASSERT_TRUE(claim(one, "a", noon, noon + seconds(60)));
  EXPECT_FALSE(claim(one, "b", noon + seconds(59), noon + seconds(119)));
  EXPECT_FALSE(claim(one, "a", noon, noon + seconds(60))) << "two tasks of one process";
  EXPECT_EQ(one.claimed_by, "a");
  EXPECT_TRUE(claim(one, "b", noon + seconds(60), noon + seconds(120)));
  EXPECT_EQ(one.claimed_by, "b");
  one.handed_at = noon;
  settle(one, {TryOutcome::failed, "smtp_451"}, noon, pause, day);
  EXPECT_TRUE(one.claimed_by.empty());
  EXPECT_FALSE(one.handed_at) << "its next try is a task of its own";
  EXPECT_TRUE(claim(one, "a", noon + pause, noon + pause + seconds(60)));
  settle(one, {TryOutcome::accepted}, noon + pause, pause, day);
  EXPECT_FALSE(claim(one, "b", noon + hours(1), noon + hours(2))) << "it is sent";
}

}  // namespace
}  // namespace stoa::notification
