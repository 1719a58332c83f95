#include "kernel/messaging/republication.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

#include "contracts/sender.hpp"

namespace stoa::messaging {
namespace {

std::string topic_of(std::string_view type) { return type == "Rare.v1" ? "rare" : "usual"; }
std::optional<NewEvent> published(const RecordedEvent& row) {
  if (row.type == "Secret.v1") return std::nullopt;
  return NewEvent{row.type, row.data};
}

/// Keeps what is sent, until it refuses.
class Kept final : public Publisher {
 public:
  int partitions(const std::string&) override { return 3; }
  void send(Message message) override { messages.push_back(std::move(message)); }
  bool confirm() override { return !refuses; }

  std::vector<Message> messages;
  bool refuses = false;
};

class RepublicationTest : public testing::Test {
 protected:
  RepublicationTest() {
    sender_.append("stream-rare", 1, "Rare.v1");
    sender_.append_to_many(7, 3);
    sender_.append("stream-secret", 2, "Secret.v1");
    sender_.append("stream-rare", 1, "Rare.v1");
    sender_.append_to_many(7, 3);
    Relay relay({"shop", published, topic_of}, relayed_, {}, 4);
    while (relay.step(sender_.log())) {
    }
  }
  Republication again(std::int64_t from, std::int64_t to) {
    return {{"shop", published, topic_of}, kept_, 4, {from, to}, [](const Lane& lane) {
              return Lane{"again", lane.partition};
            }};
  }

  Sender sender_;
  Kept relayed_, kept_;
};

TEST_F(RepublicationTest, AMessage_IsAsTheRelayMadeIt_WhereverTheRangeBegins) {
  std::map<std::int64_t, Message> relayed;
  for (const auto& one : relayed_.messages) relayed[one.position] = one;
  ASSERT_EQ(relayed.size(), 44U);
  for (std::int64_t from = 1; from <= 46; ++from) {
    kept_.messages.clear();
    auto range = again(from, 46);
    while (range.step(sender_.log())) {
    }
    EXPECT_EQ(range.published(), std::ssize(kept_.messages));
    EXPECT_EQ(std::ssize(kept_.messages),
              std::ranges::count_if(relayed, [&](const auto& one) { return one.first >= from; }));
    for (const auto& one : kept_.messages) {
      const auto& first = relayed.at(one.position);
      EXPECT_EQ(one.previous_position, first.previous_position) << one.id << " from " << from;
      EXPECT_EQ(one.lane, first.lane);
      EXPECT_EQ(one.carrier(), (Lane{"again", first.lane.partition}));
      EXPECT_EQ(std::tie(one.id, one.key, one.type, one.source, one.data, one.epoch, one.time),
                std::tie(first.id, first.key, first.type, first.source, first.data, first.epoch,
                         first.time));
    }
  }
}

TEST_F(RepublicationTest, ItEndsWithItsRange) {
  auto range = again(5, 9);
  while (range.step(sender_.log())) {
  }
  ASSERT_EQ(kept_.messages.size(), 5U);
  EXPECT_EQ(kept_.messages.front().position, 5);
  EXPECT_EQ(kept_.messages.back().position, 9);
  EXPECT_EQ(range.position(), 9);
}

TEST_F(RepublicationTest, WhatIsNotConfirmed_IsSaid) {
  kept_.refuses = true;
  auto range = again(5, 9);
  EXPECT_THROW(
      {
        while (range.step(sender_.log())) {
        }
      },
      std::runtime_error);
}

}  // namespace
}  // namespace stoa::messaging
