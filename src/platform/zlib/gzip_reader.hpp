#pragma once

#include <memory>
#include <string>

#include "kernel/base/result.hpp"

struct gzFile_s;

namespace stoa::zlib {

/// Reads a text file line by line, gzip or plain, in constant memory. One thread.
class GzipReader {
 public:
  static constexpr std::size_t line_bytes_max = 1 << 20;

  /// `unreadable_file` with the system's reason.
  static Result<GzipReader> open(const std::string& path);

  /// The next line with its line end (the last may have none); false at the end of the file.
  /// `damaged_file` for broken gzip data, `line_too_long` beyond `line_bytes_max`.
  Result<bool> read_line(std::string& line);

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };
  GzipReader(std::string path, gzFile_s* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace stoa::zlib
