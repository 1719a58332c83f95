#include "kernel/base/files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace stoa {
namespace {

TEST(ReadFile, AFile_IsReadWhole) {
  const auto path = std::filesystem::temp_directory_path() / ("stoa-" + std::to_string(getpid()));
  const std::string text(50'000, 'x');
  replace_file(path.string(), text);
  EXPECT_EQ(read_file(path.string()), text);
  replace_file(path.string(), "");
  EXPECT_EQ(read_file(path.string()), "");
  std::filesystem::remove(path);
  EXPECT_EQ(read_file(path.string()), std::nullopt);
}

TEST(ReadFile, WhatCanBeOpenedButNotRead_IsNone) {
  EXPECT_EQ(read_file("/"), std::nullopt);
  EXPECT_EQ(read_file("/proc/self/mem"), std::nullopt);
}

}  // namespace
}  // namespace stoa
