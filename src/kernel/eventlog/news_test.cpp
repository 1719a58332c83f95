#include "kernel/eventlog/news.hpp"

#include <gtest/gtest.h>

#include <map>

namespace stoa {
namespace {

class NewsTest : public testing::Test {
 protected:
  News::Ticket listen(const std::string& topic) {
    auto& heard = heard_[topic];
    return news_.listen(topic, [&heard] { ++heard; });
  }
  News news_;
  std::map<std::string, int> heard_;
};

TEST_F(NewsTest, IsHeardAtTheCommit_OnceWhateverWasNoted) {
  const auto ticket = listen("order-1");
  const auto other = listen("order-2");
  news_.note("order-1");
  news_.note("order-1");
  EXPECT_EQ(heard_["order-1"], 0);
  news_.committed();
  news_.committed();
  EXPECT_EQ(heard_["order-1"], 1);
  EXPECT_EQ(heard_["order-2"], 0);
}

TEST_F(NewsTest, RollbackTellsNobody) {
  const auto ticket = listen("order-1");
  news_.note("order-1");
  news_.rolled_back();
  news_.committed();
  EXPECT_EQ(heard_["order-1"], 0);
}

TEST_F(NewsTest, EveryCommitNeedsNoNote) {
  const auto ticket = listen(std::string(News::every_commit));
  news_.committed();
  EXPECT_EQ(heard_[""], 1);
}

TEST_F(NewsTest, TicketEndsItsListenerAlone) {
  auto first = listen("order-1");
  const auto second = listen("order-1");
  first.reset();
  news_.note("order-1");
  news_.committed();
  EXPECT_EQ(heard_["order-1"], 1);
}

}  // namespace
}  // namespace stoa
