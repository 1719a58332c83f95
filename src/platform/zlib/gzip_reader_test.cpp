#include "platform/zlib/gzip_reader.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

namespace stoa::zlib {
namespace {

std::string scratch(const std::string& name) {
  return (std::filesystem::temp_directory_path() / (std::to_string(getpid()) + name)).string();
}

std::vector<std::string> lines_of(const std::string& path) {
  auto reader = GzipReader::open(path);
  std::vector<std::string> lines;
  std::string line;
  while (reader && reader->read_line(line).value_or(false)) lines.push_back(line);
  return lines;
}

TEST(GzipReader, ReadsGzipAndPlainAlike) {
  const std::string text = "first\n" + std::string(10'000, 'x') + "\nlast";
  const std::vector<std::string> expected{"first\n", std::string(10'000, 'x') + "\n", "last"};
  const auto plain = scratch("lines.txt");
  const auto packed = scratch("lines.gz");
  std::ofstream(plain) << text;
  gzFile file = gzopen(packed.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  EXPECT_EQ(lines_of(plain), expected);
  EXPECT_EQ(lines_of(packed), expected);

  std::filesystem::resize_file(packed, std::filesystem::file_size(packed) - 12);
  auto cut = GzipReader::open(packed);
  std::string line;
  Result<bool> more = true;
  while (more && *more) more = cut->read_line(line);
  EXPECT_FALSE(more) << "cut off data must not look like the end of the file";
  std::filesystem::remove(plain);
  std::filesystem::remove(packed);
}

TEST(GzipReader, MissingFile_IsNamed) {
  const auto reader = GzipReader::open("/nowhere/invoices.csv");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, "unreadable_file");
}

}  // namespace
}  // namespace stoa::zlib
