#include "platform/xapian/index.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>

namespace stoa::xapian {
namespace {

using search::Document;

class IndexTest : public ::testing::Test {
 public:
  IndexTest() {
    std::filesystem::remove_all(folder_);
    index_ = make_index(
        {.folder = folder_, .fold = [](std::string_view text) { return std::string(text); }});
    writer_ = index_->adopt(index_->begin());
  }
  ~IndexTest() override {
    writer_.reset();
    index_.reset();
    std::filesystem::remove_all(folder_);
  }

 protected:
  void put(int from, int to, const std::string& colour, const std::string& thing = "mug") {
    for (int at = from; at < to; ++at) {
      Document document;
      document.id = "d" + std::to_string(at);
      document.title = (at % 2 == 0 ? "red " : "") + thing;
      document.labels = {{"colour", colour}};
      writer_->put(document);
    }
    writer_->commit();
  }

  /// How many documents of each colour a search for mugs counts.
  std::map<std::string, std::int64_t> colours(const std::string& text = "mug ") {
    search::Query query;
    query.text = text;
    query.facets = true;
    const auto answer = index_->search(query);
    std::map<std::string, std::int64_t> counts;
    for (const auto& facet : answer.facets)
      for (const auto& count : facet.counts) counts[count.value] = count.documents;
    EXPECT_TRUE(answer.exact);
    return counts;
  }

  std::string folder_ =
      (std::filesystem::temp_directory_path() / ("stoa-index-" + std::to_string(::getpid())))
          .string();
  std::unique_ptr<search::Index> index_;
  std::unique_ptr<search::Writer> writer_;
};

using Counts = std::map<std::string, std::int64_t>;

TEST_F(IndexTest, FacetsFollowEveryCommit) {
  put(0, 100, "blue");
  EXPECT_EQ(colours(), (Counts{{"blue", 100}}));
  put(0, 30, "green");
  EXPECT_EQ(colours(), (Counts{{"blue", 70}, {"green", 30}}));
  put(100, 120, "green");
  put(30, 40, "red");
  EXPECT_EQ(colours(), (Counts{{"blue", 60}, {"green", 50}, {"red", 10}}));
}

TEST_F(IndexTest, FacetsFollowMoreChangesThanAreRemembered) {
  put(0, 50, "blue");
  EXPECT_EQ(colours(), (Counts{{"blue", 50}}));
  put(0, 50, "green");
  put(100, 20'051, "red", "cup");
  EXPECT_EQ(colours(), (Counts{{"green", 50}}));
}

TEST_F(IndexTest, FewHitsAreCountedLikeMany) {
  put(0, 10, "blue");
  put(10, 14, "green");
  EXPECT_EQ(colours("red mug "), (Counts{{"blue", 5}, {"green", 2}}));
}

TEST_F(IndexTest, FacetsAreThoseOfTheNewIndex) {
  put(0, 40, "blue");
  EXPECT_EQ(colours(), (Counts{{"blue", 40}}));
  auto fresh = index_->begin();
  Document document{.id = "d1", .title = "mug"};
  document.labels = {{"colour", "black"}};
  fresh->put(document);
  writer_.reset();
  writer_ = index_->adopt(std::move(fresh));
  EXPECT_EQ(colours(), (Counts{{"black", 1}}));
}

}  // namespace
}  // namespace stoa::xapian
