#include "apphost/restart_policy.hpp"

#include <gtest/gtest.h>

namespace stoa::apphost {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const RestartPolicy::Options options{{milliseconds(100), seconds(1)}, seconds(30)};

TEST(RestartPolicy, EndsInARow_AreFollowedByPausesThatDoubleUpToTheMost) {
  RestartPolicy policy(options);
  std::vector<Duration> pauses;
  for (int nth = 0; nth < 6; ++nth) pauses.push_back(policy.ended({}, 0));
  EXPECT_EQ(pauses, (std::vector<Duration>{milliseconds(100), milliseconds(200), milliseconds(400),
                                           milliseconds(800), seconds(1), seconds(1)}));
  EXPECT_EQ(policy.attempts(), 6);
}

TEST(RestartPolicy, OneThatWasReadyForAWhile_IsStartedAgainAtOnce) {
  RestartPolicy policy(options);
  const Timestamp start{};
  for (int nth = 0; nth < 4; ++nth) policy.ended(start, 0);
  policy.ready(start);
  policy.ready(start + seconds(29));  // it still is: the time counts from the first look
  EXPECT_EQ(policy.ended(start + seconds(30), 0), milliseconds(100));
}

TEST(RestartPolicy, OneThatWasReadyForAMoment_IsNotAsGoodAsNew) {
  RestartPolicy policy(options);
  const Timestamp start{};
  policy.ended(start, 0);
  policy.ready(start);
  EXPECT_EQ(policy.ended(start + seconds(29), 0), milliseconds(200));
  EXPECT_EQ(policy.ended(start + seconds(90), 0), milliseconds(400)) << "it was never ready again";
}

TEST(RestartPolicy, Forget_BeginsAnew) {
  RestartPolicy policy(options);
  for (int nth = 0; nth < 4; ++nth) policy.ended({}, 0);
  policy.forget();
  EXPECT_EQ(policy.ended({}, 0), milliseconds(100));
}

}  // namespace
}  // namespace stoa::apphost
