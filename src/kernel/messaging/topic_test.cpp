#include "kernel/messaging/topic.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

TEST(Topic, Subscribers_ReactInThePublishersUnit) {
  Topic<int> topic;
  std::vector<int> seen;
  topic.subscribe([&](UnitOfWork&, const Delivery&, int event) { seen.push_back(event); });
  UnitOfWork unit{Timestamp{}};
  topic.publish(unit, {1, "a@1", {}}, 7);
  EXPECT_TRUE(seen.empty());
  unit.drain_reactions();
  EXPECT_EQ(seen, std::vector{7});
}

TEST(Topic, Transport_BringsEachSubscriberItsEventLater) {
  Topic<int> topic;
  std::vector<int> seen;
  topic.subscribe([&](UnitOfWork&, const Delivery&, int event) { seen.push_back(event); });
  topic.subscribe([&](UnitOfWork&, const Delivery&, int event) { seen.push_back(10 * event); });
  std::vector<UnitOfWork::Step> carried;
  std::vector<std::size_t> subscribers;
  topic.carry_by(
      [&](UnitOfWork&, std::size_t subscriber, const Delivery& delivery, UnitOfWork::Step handle) {
        EXPECT_EQ(delivery.event_id, "a@1");
        subscribers.push_back(subscriber);
        carried.push_back(std::move(handle));
      });
  UnitOfWork unit{Timestamp{}};
  topic.publish(unit, {1, "a@1", {}}, 7);
  unit.drain_reactions();
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(subscribers, (std::vector<std::size_t>{0, 1}));
  UnitOfWork later{Timestamp{}};
  for (const auto& handle : carried) handle(later);
  EXPECT_EQ(seen, (std::vector{7, 70}));
}

}  // namespace
}  // namespace stoa
