#include "kernel/base/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace stoa {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw std::system_error(errno, std::generic_category(), path);
}

/// Closes what it holds.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : value(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (value < 0) refuse(path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(value); }
  const int value;
};

void write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse(path);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::int64_t size_of(int descriptor, const std::string& path) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) refuse(path);
  return status.st_size;
}

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

void replace_file(const std::string& path, std::string_view text) {
  const auto beside = path + ".new";
  {
    NewFile file(beside);
    file.write(text);
    file.sync();
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) refuse(path);
  sync_folder(folder_of(path));
}

void sync_folder(const std::string& path) {
  const Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(folder.value) != 0) refuse(path);
}

void sync_file(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (::fchmod(file.value, S_IRUSR | S_IWUSR) != 0 || ::fsync(file.value) != 0) refuse(path);
}

NewFile::NewFile(const std::string& path)
    : path_(path),
      descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) refuse(path);
}
NewFile::~NewFile() { ::close(descriptor_); }
void NewFile::write(std::string_view text) { write_all(descriptor_, text, path_); }
void NewFile::sync() {
  if (::fsync(descriptor_) != 0) refuse(path_);
}

GrowingFile::GrowingFile(const std::string& path)
    : path_(path),
      descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) refuse(path);
  sync_folder(folder_of(path));
}
GrowingFile::~GrowingFile() { ::close(descriptor_); }

bool GrowingFile::lock() { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }

std::int64_t GrowingFile::size() const { return size_of(descriptor_, path_); }

void GrowingFile::cut(std::int64_t bytes) {
  if (::ftruncate(descriptor_, bytes) != 0) refuse(path_);
}

void GrowingFile::append(std::string_view text) {
  write_all(descriptor_, text, path_);
  if (::fdatasync(descriptor_) != 0) refuse(path_);
}

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  size_ = static_cast<std::size_t>(size_of(file.value, path));
  if (size_ == 0) return;  // nothing to map
  auto* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.value, 0);
  if (mapped == MAP_FAILED) refuse(path);
  data_ = static_cast<const char*>(mapped);
}
MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

std::optional<std::string> read_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::string text;
  std::array<char, 16'384> piece{};
  ssize_t got = 0;
  while ((got = ::read(descriptor, piece.data(), piece.size())) > 0 || (got < 0 && errno == EINTR))
    text.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  ::close(descriptor);
  return got < 0 ? std::nullopt : std::optional(std::move(text));
}

std::string read_file_part(const std::string& path, std::int64_t offset, std::int64_t length) {
  const Descriptor file(path, O_RDONLY);
  const auto left = std::max<std::int64_t>(size_of(file.value, path) - offset, 0);
  std::string part(static_cast<std::size_t>(std::min(left, length)), '\0');
  for (std::size_t at = 0; at < part.size();) {
    const auto got = ::pread(file.value, part.data() + at, part.size() - at,
                             static_cast<off_t>(offset + static_cast<std::int64_t>(at)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path);
    if (got == 0) part.resize(at);
    at += static_cast<std::size_t>(got);
  }
  return part;
}

}  // namespace stoa
