#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace stoa::apphost {

/// A file of lines that is moved to `PATH.1`, in place of the one before, when it has grown large.
/// So at most two of that size are kept. What cannot be written is dropped. For one thread.
class RotatedFile {
 public:
  RotatedFile(std::string path, std::int64_t bytes_max);
  RotatedFile(const RotatedFile&) = delete;
  RotatedFile& operator=(const RotatedFile&) = delete;
  ~RotatedFile();
  void add(std::string_view line);

 private:
  void open();

  std::string path_;
  std::int64_t bytes_max_;
  std::int64_t bytes_ = 0;
  int descriptor_ = -1;
};

/// The lines of all processes: by resource in FOLDER/RESOURCE.log, and on the terminal, if any.
/// Thread-safe. A terminal that takes no more is not waited for.
class LogBook {
 public:
  /// `terminal`: a descriptor that lines are shown on, each behind its name in a colour of its own;
  /// -1: none.
  LogBook(std::string folder, int terminal, std::int64_t bytes_max = 8'388'608);
  void add(const std::string& resource, const std::string& name, std::string_view line);
  [[nodiscard]] std::string path(const std::string& resource) const;

 private:
  void show(const std::string& name, std::string_view line);

  std::string folder_;
  int terminal_;
  std::int64_t bytes_max_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<RotatedFile>> files_;
  std::map<std::string, int> colours_;
};

/// The last whole lines of a file, at most so many.
std::vector<std::string> last_lines(const std::string& path, std::size_t count);

}  // namespace stoa::apphost
