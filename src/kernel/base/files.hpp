#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stoa {

// Files of which a crash must leave the old or the new, never a half. All of it blocks, and throws
// std::system_error with the path when the system refuses.

/// Writes `path` as a whole: under another name beside it, made durable, then renamed. 0600.
void replace_file(const std::string& path, std::string_view text);

/// Makes what stands in the folder (names, not contents) durable.
void sync_folder(const std::string& path);

/// Makes the contents of a file durable, and makes it its owner's alone (0600).
void sync_file(const std::string& path);

/// A file that is written from its beginning, in place of what it held. 0600.
class NewFile {
 public:
  explicit NewFile(const std::string& path);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();
  void write(std::string_view text);
  void sync();  ///< what was written is durable when it returns

 private:
  std::string path_;
  int descriptor_;
};

/// A file that grows at its end. Made (0600) when it is missing. For one thread at a time.
class GrowingFile {
 public:
  explicit GrowingFile(const std::string& path);
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;
  ~GrowingFile();

  /// False when another process has it locked. The lock ends with this object.
  [[nodiscard]] bool lock();
  [[nodiscard]] std::int64_t size() const;
  void cut(std::int64_t bytes);
  /// Durable when it returns.
  void append(std::string_view text);

 private:
  std::string path_;
  int descriptor_;
};

/// The bytes of a file that nobody changes, read as they are needed.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  [[nodiscard]] std::string_view text() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The whole of a file, or nothing when it cannot be read: it may have gone, or be a folder. Does
/// not throw.
std::optional<std::string> read_file(const std::string& path);

/// Up to `length` bytes from `offset`; fewer at the end.
std::string read_file_part(const std::string& path, std::int64_t offset, std::int64_t length);

}  // namespace stoa
