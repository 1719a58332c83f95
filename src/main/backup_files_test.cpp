#include "main/backup_files.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "contracts/temporary_folder.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

class ChangesTest : public testing::Test {
 protected:
  [[nodiscard]] fs::path file(const std::string& name) const { return folder_.file(name); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::int64_t changes(const std::string& before, const std::string& after) const {
    return write_changes(after, block_digests(after, *crypto_), block_digests(before, *crypto_),
                         file("changes"));
  }
  [[nodiscard]] Result<void> apply(std::size_t bytes) const {
    return apply_changes(file("changes"), file("target"), static_cast<std::int64_t>(bytes));
  }

  TemporaryFolder folder_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
};

TEST_F(ChangesTest, TheChanges_MakeTheNewFileOfTheOld) {
  const std::string before(3 * block_bytes, 'a');
  for (const auto bytes : {std::size_t{0}, std::size_t{1}, block_bytes, 2 * block_bytes + 7,
                           3 * block_bytes, 4 * block_bytes + 1}) {
    auto after = before.substr(0, bytes);
    after.resize(bytes, 'b');
    if (bytes > 0) after.back() = 'c';
    changes(before, after);
    write("target", before);
    ASSERT_TRUE(apply(bytes)) << bytes;
    EXPECT_EQ(read("target"), after) << bytes;
  }
}

TEST_F(ChangesTest, WhatIsTheSame_IsNotWritten) {
  const std::string before(1'000 * block_bytes, 'a');
  auto after = before;
  after[500 * block_bytes] = 'b';
  EXPECT_EQ(changes(before, before), 0);
  EXPECT_EQ(changes(before, after), 1);
  EXPECT_LT(fs::file_size(file("changes")), 2 * block_bytes);
}

TEST_F(ChangesTest, AFileThatIsNoneOrCutOff_IsRefused) {
  const std::string before(2 * block_bytes, 'a');
  changes(before, std::string(2 * block_bytes, 'b'));
  const auto whole = read("changes");
  write("target", before);
  for (const auto length : {std::size_t{0}, std::size_t{4}, std::size_t{12}, whole.size() - 1}) {
    write("changes", whole.substr(0, length));
    EXPECT_FALSE(apply(2 * block_bytes)) << length;
  }
  write("changes", whole);
  EXPECT_FALSE(apply(block_bytes)) << "a block beyond the end";
}

}  // namespace
}  // namespace stoa
