#include "apphost/log_book.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace stoa::apphost {
namespace {

namespace fs = std::filesystem;

class LogBookTest : public testing::Test {
 protected:
  LogBookTest() {
    std::string name = fs::temp_directory_path() / "stoa-logs-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~LogBookTest() override { fs::remove_all(folder_); }

  std::string folder_;
};

TEST_F(LogBookTest, AFileThatHasGrown_IsMovedAway_SoThatAtMostTwoAreKept) {
  RotatedFile file(folder_ + "/a.log", 100);
  for (int nth = 0; nth < 50; ++nth) file.add("line " + std::to_string(nth) + " of many");
  EXPECT_LE(fs::file_size(folder_ + "/a.log"), 100U);
  EXPECT_LE(fs::file_size(folder_ + "/a.log.1"), 100U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
  EXPECT_EQ(last_lines(folder_ + "/a.log", 1), (std::vector<std::string>{"line 49 of many"}));
}

TEST_F(LogBookTest, AFileThatIsThere_GrowsOn) {
  RotatedFile(folder_ + "/a.log", 100).add("before");
  RotatedFile(folder_ + "/a.log", 100).add("after");
  EXPECT_EQ(last_lines(folder_ + "/a.log", 9), (std::vector<std::string>{"before", "after"}));
}

TEST_F(LogBookTest, ALineThatIsLongerThanTheFileMayBe_IsKeptByItself) {
  RotatedFile file(folder_ + "/a.log", 10);
  const std::string line(50, 'x');
  file.add(line);
  file.add("y");
  EXPECT_EQ(last_lines(folder_ + "/a.log.1", 2), (std::vector<std::string>{line}));
  EXPECT_EQ(last_lines(folder_ + "/a.log", 2), (std::vector<std::string>{"y"}));
}

TEST_F(LogBookTest, LinesOfReplicas_StandInTheFileOfTheirResource) {
  LogBook book(folder_, -1);
  book.add("ordering", "ordering-1", "one");
  book.add("ordering", "ordering-2", "two");
  book.add("postgres", "postgres", "three");
  EXPECT_EQ(last_lines(book.path("ordering"), 9),
            (std::vector<std::string>{"ordering-1 | one", "ordering-2 | two"}));
  EXPECT_EQ(last_lines(book.path("postgres"), 9), (std::vector<std::string>{"three"}));
}

TEST_F(LogBookTest, ATerminal_GetsNoControlCharacters_AndIsNotWaitedForWhenItIsFull) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  LogBook book(folder_, ends[1]);
  book.add("a", "a", "\x1b[2Jgone");
  std::array<char, 200> seen{};
  const auto length = read(ends[0], seen.data(), seen.size());
  EXPECT_EQ(std::string(seen.data(), static_cast<std::size_t>(length)),
            "\x1b[36ma             \x1b[0m | [2Jgone\n");
  for (int nth = 0; nth < 1'000; ++nth) book.add("a", "a", std::string(1'000, 'x'));
  EXPECT_EQ(last_lines(book.path("a"), 1).at(0).size(), 1'000U) << "the file has it all";
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace stoa::apphost
