#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "contracts/temporary_folder.hpp"
#include "platform/icu/fold.hpp"
#include "platform/xapian/index.hpp"

namespace stoa {
namespace {

using search::Matched;

/// An index in a folder of its own, live and open for writing.
class SearchIndex : public ::testing::Test {
 protected:
  SearchIndex() { open(); }

  void open() {
    writer_.reset();
    index_ = xapian::make_index({.folder = folder_.file("search"), .fold = icu::fold});
    writer_ = index_->open_live();
    if (!writer_) writer_ = index_->adopt(index_->begin());
  }

  search::Document document(const std::string& id, const std::string& title, int price = 0) {
    search::Document made;
    made.id = id;
    made.title = title;
    made.numbers = {{"price", price}};
    return made;
  }
  void put(const search::Document& document) { writer_->put(document); }
  void put(const std::string& id, const std::string& title, int price = 0) {
    put(document(id, title, price));
  }
  search::Answer find(const std::string& text) {
    search::Query query;
    query.text = text;
    return index_->search(query);
  }
  static std::vector<std::string> ids(const search::Answer& answer) {
    std::vector<std::string> found;
    for (const auto& hit : answer.hits) found.push_back(hit.id);
    std::ranges::sort(found);
    return found;
  }
  std::vector<std::string> found(const std::string& text) { return ids(find(text)); }

  using Ids = std::vector<std::string>;
  TemporaryFolder folder_;
  std::unique_ptr<search::Index> index_;
  std::unique_ptr<search::Writer> writer_;
};

TEST_F(SearchIndex, WhatIsPut_IsFoundOnceItIsCommitted) {
  put("a", "Red mug");
  EXPECT_EQ(found("mug"), Ids{});
  writer_->commit();
  EXPECT_EQ(found("mug"), Ids{"a"});
  put("a", "Red cup");
  writer_->commit();
  EXPECT_EQ(found("mug"), Ids{});
  EXPECT_EQ(found("cup"), Ids{"a"});
  EXPECT_EQ(index_->documents(), 1);
}

TEST_F(SearchIndex, CaseAccentsAndEndings_DoNotMatter) {
  put("a", "Crème BRÛLÉE ramekins");
  writer_->commit();
  for (const auto* text : {"creme", "Brulee", "CRÈME", "ramekin", "cre\u0300me ramekins"})
    EXPECT_EQ(found(text), Ids{"a"}) << text;
}

TEST_F(SearchIndex, TheLastWord_MayBeABeginning) {
  put("a", "Wooden chopping board");
  writer_->commit();
  EXPECT_EQ(found("wooden chop"), Ids{"a"});
  EXPECT_EQ(found("wo"), Ids{"a"});
  EXPECT_NE(find("woo chopping").matched, Matched::all) << "the first word may not";
}

TEST_F(SearchIndex, ABeginningOfOneOrTwoLetters_IsLookedForInNamesAlone) {
  auto described = document("a", "Saucer");
  described.words = {{"For mustard, of bone", 1}};
  put(described);
  put("b", "Mug");
  writer_->commit();
  EXPECT_EQ(found("m"), Ids{"b"});
  EXPECT_EQ(found("mus"), Ids{"a"});
  EXPECT_EQ(found("bone mu"), Ids{"a"});
}

TEST_F(SearchIndex, HyphenatedWords_AreFoundJoinedAndApart) {
  put("a", "U-Lock");
  put("b", "Ulock");
  writer_->commit();
  EXPECT_EQ(found("u-lock"), (Ids{"a", "b"}));
  EXPECT_EQ(found("ulock"), (Ids{"a", "b"}));
  EXPECT_EQ(found("u lock"), Ids{"a"});
}

TEST_F(SearchIndex, QuotesHoldTogether_AndMinusExcludes) {
  put("a", "Red mug");
  put("b", "Mug, red");
  put("c", "Red mug with lid");
  writer_->commit();
  EXPECT_EQ(found("\"red mug\""), (Ids{"a", "c"}));
  EXPECT_EQ(found("mug -lid"), (Ids{"a", "b"}));
  // Signs that make no sense are none.
  for (const auto* text : {"-mug", "\"red mug", "red AND", "(red", "mug)", "*", "red:", "+-\"'"})
    EXPECT_NO_THROW(static_cast<void>(find(text))) << text;
}

TEST_F(SearchIndex, TextsThatXapiansParserRefuses_AreSearchedAsWords) {
  put("a", "Mug 日本");
  writer_->commit();
  for (const auto* text : {"a 日a)xor a", "*-\"and 日a(", "xor 日xor -\"~xor  and "})
    EXPECT_NO_THROW(static_cast<void>(find(text))) << text;
  EXPECT_EQ(found("日mug"), Ids{"a"});
}

TEST_F(SearchIndex, TheTitle_CountsMoreThanADescription) {
  auto described = document("a", "Saucer");
  described.words = {{"Goes with the mug, every mug: mug mug mug", 1}};
  put(described);
  put("b", "Plain mug");
  writer_->commit();
  EXPECT_EQ(find("mug").hits.front().id, "b");
}

TEST_F(SearchIndex, ACode_IsFoundWhole_AndFirst) {
  auto coded = document("a", "Saucer");
  coded.codes = {"MUG-12/A"};
  put(coded);
  put("b", "Mug 12 a");
  writer_->commit();
  EXPECT_EQ(find("mug-12/a").hits.front().id, "a");
}

TEST_F(SearchIndex, AMisspeltWord_IsCorrected) {
  put("a", "Silver bracelet");
  put("b", "Silver ring");
  writer_->commit();
  const auto answer = find("silver braclet");
  EXPECT_EQ(answer.matched, Matched::corrected);
  EXPECT_EQ(answer.corrected, "silver bracelet");
  EXPECT_EQ(ids(answer), Ids{"a"});
  EXPECT_EQ(find("silver").corrected, std::nullopt);
}

TEST_F(SearchIndex, AWordThatHasGone_IsNoCorrection) {
  put("a", "Bracelet");
  writer_->commit();
  put("a", "Ring");
  writer_->commit();
  EXPECT_EQ(find("braclet").corrected, std::nullopt);
}

TEST_F(SearchIndex, ACorrection_IsNamedOnlyIfTheFilterLetsItFind) {
  auto hidden = document("a", "Bracelet");
  hidden.labels = {{"status", "draft"}};
  put(hidden);
  auto shown = document("b", "Ring");
  shown.labels = {{"status", "active"}};
  put(shown);
  writer_->commit();
  search::Query query;
  query.text = "braclet";
  query.labels = {{"status", "active"}};
  const auto answer = index_->search(query);
  EXPECT_EQ(answer.corrected, std::nullopt);
  EXPECT_TRUE(answer.hits.empty());
  EXPECT_TRUE(index_->suggest("brac", query.labels, 5).texts.empty());
  EXPECT_EQ(index_->suggest("ri", query.labels, 5).texts, Ids{"ring"});
}

TEST_F(SearchIndex, WithoutAllWords_SomeAreEnough) {
  put("a", "Red mug");
  writer_->commit();
  const auto answer = find("red tyrannosaurus");
  EXPECT_EQ(answer.matched, Matched::any);
  EXPECT_EQ(ids(answer), Ids{"a"});
}

TEST_F(SearchIndex, LabelsAndRanges_Filter_AndAreCounted) {
  for (int at = 0; at < 30; ++at) {
    auto made = document("d" + std::to_string(at), "Mug", at);
    made.labels = {{"vendor", at % 3 == 0 ? "A" : "B"}, {"tag", "all"}};
    put(made);
  }
  writer_->commit();
  search::Query query;
  query.text = "mug";
  query.facets = true;
  query.limit = 1;
  query.ranges = {{"price", 10, 19}};
  auto answer = index_->search(query);
  EXPECT_EQ(answer.total, 10);
  EXPECT_TRUE(answer.exact);
  ASSERT_EQ(answer.facets.size(), 2U);
  EXPECT_EQ(answer.facets[1].field, "vendor");
  EXPECT_EQ(answer.facets[1].counts.front().value, "B");
  EXPECT_EQ(answer.facets[1].counts.front().documents, 7);
  EXPECT_EQ(answer.facets[1].counts.back().documents, 3);
  query.labels = {{"vendor", "A"}};
  EXPECT_EQ(index_->search(query).total, 3);
  query.labels = {{"vendor", "C"}};
  EXPECT_EQ(index_->search(query).total, 0);
  query.labels = {};
  query.ranges = {{"unknown", 1, 2}};
  EXPECT_EQ(index_->search(query).total, 0);
}

TEST_F(SearchIndex, Beyond10000Matches_CountsAreEstimates) {
  for (int at = 0; at < 10'500; ++at) {
    auto made = document("d" + std::to_string(at), "Mug", at);
    made.labels = {{"tag", "all"}};
    put(made);
  }
  writer_->commit();
  search::Query query;
  query.text = "mug";
  query.facets = true;
  query.limit = 1;
  const auto answer = index_->search(query);
  EXPECT_FALSE(answer.exact);
  EXPECT_NEAR(static_cast<double>(answer.facets.front().counts.front().documents), 10'500, 1'000);
  query.ranges = {{"price", 0, 9'999}};
  EXPECT_TRUE(index_->search(query).exact);
}

TEST_F(SearchIndex, Pages_VisitEachDocumentOnce_InEverySort) {
  constexpr int documents = 57;
  for (int at = 0; at < documents; ++at) {
    auto made = document("d" + std::to_string(at), "Mug " + std::to_string(at % 7), at % 5);
    if (at % 2 == 0) made.words = {{"mug mug", 1}};
    put(made);
  }
  writer_->commit();
  for (const std::string sort : {"", "price", "title"}) {
    for (const bool descending : {false, true}) {
      search::Query query;
      query.text = "mug";
      query.sort = sort;
      query.descending = descending;
      query.limit = 10;
      std::vector<std::string> all;
      for (int page = 0; page < 10; ++page) {
        const auto answer = index_->search(query);
        for (const auto& hit : answer.hits) all.push_back(hit.id);
        if (!answer.more) break;
        query.after = answer.hits.back().cursor;
      }
      EXPECT_EQ(all.size(), std::size_t{documents}) << sort << descending;
      EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), std::size_t{documents})
          << sort << descending;
    }
  }
}

TEST_F(SearchIndex, APage_GoesOnWhereItEnded_ThoughDocumentsCome) {
  for (int at = 0; at < 20; ++at) put("d" + std::to_string(10 + at), "Mug", at);
  writer_->commit();
  for (const std::string sort : {"", "price"}) {
    search::Query query;
    query.text = "mug";
    query.sort = sort;
    query.limit = 10;
    auto first = index_->search(query);
    put("new" + sort, "Mug mug mug", -1);
    writer_->commit();
    query.after = first.hits.back().cursor;
    query.limit = 100;
    const auto second = index_->search(query);
    for (const auto& hit : first.hits)
      EXPECT_EQ(std::ranges::count(second.hits, hit.id, &search::Hit::id), 0) << sort << hit.id;
  }
}

TEST_F(SearchIndex, ACursorThatIsNone_FindsNothing) {
  put("a", "Mug");
  writer_->commit();
  for (const std::string cursor :
       {"x", "a:", "zz9:", "a99999999999999999:a", "a4294967295:a", "\xff\xff\xff\xff"}) {
    search::Query query;
    query.text = "mug";
    query.after = cursor;
    EXPECT_NO_THROW(static_cast<void>(index_->search(query)));
  }
}

TEST_F(SearchIndex, SetNumber_ChangesTheSortAlone) {
  put("a", "Mug", 1);
  put("b", "Mug", 2);
  writer_->commit();
  EXPECT_TRUE(writer_->set_number("a", {"price", 3}));
  EXPECT_FALSE(writer_->set_number("c", {"price", 3}));
  writer_->commit();
  search::Query query;
  query.text = "mug";
  query.sort = "price";
  EXPECT_EQ(index_->search(query).hits.front().id, "b");
}

TEST_F(SearchIndex, HasTellsLabels_AndNotesAreKept) {
  auto made = document("a", "Mug");
  made.labels = {{"vendor", "A"}};
  put(made);
  EXPECT_TRUE(writer_->has("a", {"vendor", "A"}));
  EXPECT_FALSE(writer_->has("a", {"vendor", "B"}));
  EXPECT_FALSE(writer_->has("b", {"vendor", "A"}));
  writer_->set_note("x", "y");
  writer_->set_checkpoint({7, "trace"});
  writer_->commit();
  open();
  EXPECT_EQ(writer_->note("x"), "y");
  EXPECT_EQ(writer_->checkpoint().position, 7);
  EXPECT_EQ(writer_->checkpoint().trace, "trace");
  EXPECT_EQ(found("mug"), Ids{"a"});
}

TEST_F(SearchIndex, WhatIsNotCommitted_IsGoneWithItsCheckpoint) {
  put("a", "Mug");
  writer_->set_checkpoint({1, "one"});
  writer_->commit();
  for (int at = 0; at < 12'000; ++at) put("b" + std::to_string(at), "Mug");  // beyond Xapian's own
  writer_->set_checkpoint({2, "two"});
  open();
  EXPECT_EQ(writer_->checkpoint().position, 1);
  EXPECT_EQ(index_->documents(), 1);
}

TEST_F(SearchIndex, ANewIndex_ReplacesTheLiveOneInOneStep) {
  put("a", "Old mug");
  writer_->commit();
  auto fresh = index_->begin();
  search::Document made = document("b", "New mug");
  fresh->put(made);
  fresh->commit();
  EXPECT_EQ(found("mug"), Ids{"a"}) << "not before it is adopted";
  writer_.reset();
  writer_ = index_->adopt(std::move(fresh));
  EXPECT_EQ(found("mug"), Ids{"b"});
  open();
  EXPECT_EQ(found("mug"), Ids{"b"});
}

TEST_F(SearchIndex, ABuildThatDidNotEnd_LeavesTheLiveOne) {
  put("a", "Mug");
  writer_->commit();
  auto fresh = index_->begin();
  fresh->put(document("b", "Mug"));
  fresh->commit();
  fresh.reset();
  open();
  EXPECT_EQ(found("mug"), Ids{"a"});
}

TEST_F(SearchIndex, AnotherLanguageOrDamage_IsNoLiveIndex) {
  put("a", "Mug");
  writer_->commit();
  writer_.reset();
  index_ = xapian::make_index(
      {.folder = folder_.file("search"), .fold = icu::fold, .language = "german"});
  EXPECT_EQ(index_->open_live(), nullptr);
  EXPECT_FALSE(index_->is_live());
  EXPECT_THROW(static_cast<void>(find("mug")), search::Failure);
  writer_ = index_->adopt(index_->begin());
  writer_.reset();
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.file("search")))
    if (file.path().extension() == ".glass") std::ofstream(file.path()) << "no database";
  index_ = xapian::make_index(
      {.folder = folder_.file("search"), .fold = icu::fold, .language = "german"});
  EXPECT_EQ(index_->open_live(), nullptr);
}

TEST_F(SearchIndex, SearchesGoOn_WhileItIsWrittenAndReplaced) {
  put("a", "Mug");
  writer_->commit();
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int at = 0; at < 2; ++at)
    readers.emplace_back([&] {
      while (!stop) wrong += find("mug").hits.empty() ? 1 : 0;
    });
  for (int round = 0; round < 30; ++round) {
    put("b" + std::to_string(round), "Mug");
    writer_->commit();
    if (round % 10 != 9) continue;
    auto fresh = index_->begin();
    fresh->put(document("a", "Mug"));
    writer_.reset();
    writer_ = index_->adopt(std::move(fresh));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(SearchIndex, ASearchBeyondItsTime_IsGivenUp) {
  for (int at = 0; at < 1'000; ++at) put("d" + std::to_string(at), "Mug");
  writer_->commit();
  writer_.reset();
  index_ = xapian::make_index({.folder = folder_.file("search"),
                               .fold = icu::fold,
                               .time_max = std::chrono::milliseconds(-1)});
  writer_ = index_->open_live();
  EXPECT_THROW(static_cast<void>(find("mug")), search::TooSlow);
}

TEST_F(SearchIndex, Suggestions_CompleteTheLastWord_MostFrequentFirst) {
  put("a", "Red mug");
  put("b", "Red mug, large");
  put("c", "Red mussel pot");
  put("d", "Blue muffin tray");
  writer_->commit();
  const auto answer = index_->suggest("red mu", {}, 5);
  EXPECT_EQ(answer.texts, (Ids{"red mug", "red mussel"}));
  EXPECT_EQ(answer.ids.size(), 3U);
}

/// What a search for mugs counts, of documents that differ by colour.
class SearchFacets : public SearchIndex {
 protected:
  using Counts = std::map<std::string, std::int64_t>;

  void put(int from, int to, const std::string& colour, const std::string& thing = "mug") {
    for (int at = from; at < to; ++at) {
      auto made = document("d" + std::to_string(at), (at % 2 == 0 ? "red " : "") + thing);
      made.labels = {{"colour", colour}};
      writer_->put(made);
    }
    writer_->commit();
  }
  Counts colours(const std::string& text = "mug ") {
    search::Query query;
    query.text = text;
    query.facets = true;
    const auto answer = index_->search(query);
    Counts counts;
    for (const auto& facet : answer.facets)
      for (const auto& count : facet.counts) counts[count.value] = count.documents;
    EXPECT_TRUE(answer.exact);
    return counts;
  }
};

TEST_F(SearchFacets, FollowEveryCommit) {
  put(0, 100, "blue");
  EXPECT_EQ(colours(), (Counts{{"blue", 100}}));
  put(0, 30, "green");
  EXPECT_EQ(colours(), (Counts{{"blue", 70}, {"green", 30}}));
  put(100, 120, "green");
  put(30, 40, "red");
  EXPECT_EQ(colours(), (Counts{{"blue", 60}, {"green", 50}, {"red", 10}}));
}

TEST_F(SearchFacets, FollowMoreChangesThanAreRemembered) {
  put(0, 50, "blue");
  EXPECT_EQ(colours(), (Counts{{"blue", 50}}));
  put(0, 50, "green");
  put(100, 20'051, "red", "cup");
  EXPECT_EQ(colours(), (Counts{{"green", 50}}));
}

TEST_F(SearchFacets, OfFewHits_AreCountedLikeThoseOfMany) {
  put(0, 10, "blue");
  put(10, 14, "green");
  EXPECT_EQ(colours("red mug "), (Counts{{"blue", 5}, {"green", 2}}));
}

TEST_F(SearchFacets, AreThoseOfTheNewIndex) {
  put(0, 40, "blue");
  EXPECT_EQ(colours(), (Counts{{"blue", 40}}));
  auto fresh = index_->begin();
  auto black = document("d1", "mug");
  black.labels = {{"colour", "black"}};
  fresh->put(black);
  writer_.reset();
  writer_ = index_->adopt(std::move(fresh));
  EXPECT_EQ(colours(), (Counts{{"black", 1}}));
}

}  // namespace
}  // namespace stoa
