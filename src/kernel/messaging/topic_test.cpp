#include "kernel/messaging/topic.hpp"

#include <gtest/gtest.h>

namespace stoa {
namespace {

using Event = std::variant<int, std::string>;

struct Numbers {
  std::vector<int>& seen;
  int factor = 1;
  std::vector<int> expected = {};
  void on(UnitOfWork&, int event) { seen.push_back(factor * event); }
  void prefetch(int event) { expected.push_back(event); }
};

struct Deliveries {
  std::vector<std::string> seen = {};
  void on(UnitOfWork&, const Delivery& delivery, const auto&) { seen.push_back(delivery.event_id); }
};

TEST(Topic, Subscribers_ReactInThePublishersUnit) {
  Topic<Event> topic;
  std::vector<int> seen;
  Numbers numbers{seen};
  topic.subscribe(numbers);
  UnitOfWork unit{Timestamp{}};
  topic.publish(unit, {1, "a@1", {}}, 7);
  EXPECT_TRUE(seen.empty());
  unit.drain_reactions();
  EXPECT_EQ(seen, std::vector{7});
}

TEST(Topic, Subscribers_HearOfWhatTheyHaveAFunctionFor) {
  Topic<Event> topic;
  std::vector<int> seen;
  Numbers numbers{seen};
  topic.subscribe(numbers);
  EXPECT_TRUE(topic.concerns(0));
  EXPECT_FALSE(topic.concerns(1));
  const auto all = std::make_shared<Deliveries>();
  topic.subscribe(all);
  EXPECT_TRUE(topic.concerns(1));
  topic.prefetch(7);
  topic.prefetch("text");
  EXPECT_EQ(numbers.expected, std::vector{7});
  UnitOfWork unit{Timestamp{}};
  topic.publish(unit, {1, "a@1", {}}, 7);
  topic.publish(unit, {2, "b@1", {}}, "text");
  unit.drain_reactions();
  EXPECT_EQ(seen, std::vector{7});
  EXPECT_EQ(all->seen, (std::vector<std::string>{"a@1", "b@1"}));
}

TEST(Topic, Transport_BringsEachSubscriberItsEventLater) {
  Topic<Event> topic;
  std::vector<int> seen;
  Numbers once{seen};
  Numbers tenfold{seen, 10};
  topic.subscribe(once);
  topic.subscribe(tenfold);
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
