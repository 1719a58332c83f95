#include "main/backup_files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "kernel/base/text.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view changes_magic = "STOABLK1";
constexpr std::size_t number_bytes = 8;
constexpr std::size_t digest_bytes = 32;

[[noreturn]] void cannot(const std::string& what, const fs::path& path) {
  throw std::runtime_error("Cannot " + what + " " + path.string() + ": " + std::strerror(errno) +
                           ".");
}

/// An open descriptor.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC)) {
    if (number_ < 0) cannot("open", path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

void write_all(int file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string number_text(std::uint64_t number) {
  std::string text;
  for (std::size_t i = 0; i < number_bytes; ++i)
    text += static_cast<char>((number >> (8 * i)) & 0xff);
  return text;
}

std::uint64_t read_number(std::string_view text) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < number_bytes; ++i)
    number |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  return number;
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) cannot("read", path);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (at == MAP_FAILED) cannot("read", path);
  ::madvise(at, size, MADV_SEQUENTIAL);
  bytes_ = {static_cast<const char*>(at), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

NewFile::NewFile(const fs::path& path)
    : path_(path),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
  if (file_ < 0) cannot("write", path);
}
NewFile::~NewFile() { ::close(file_); }
void NewFile::write(std::string_view bytes) { write_all(file_, bytes, path_); }
void NewFile::sync() {
  if (::fsync(file_) != 0) cannot("write", path_);
}

void sync_folder(const fs::path& folder) {
  const Descriptor file(folder, O_RDONLY | O_DIRECTORY);
  if (::fsync(file.get()) != 0) cannot("write", folder);
}

void sync_file(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0 || ::fsync(file.get()) != 0)
    cannot("write", path);
}

void replace_file(const fs::path& path, std::string_view bytes) {
  auto beside = path;
  beside += ".new";
  {
    NewFile file(beside);
    file.write(bytes);
    file.sync();
  }
  fs::rename(beside, path);
  sync_folder(path.parent_path());
}

std::string sha256_of(const fs::path& file, const Crypto& crypto) {
  return to_hex(crypto.sha256(MappedFile(file).bytes()));
}

std::string block_digests(std::string_view bytes, const Crypto& crypto) {
  std::string digests;
  digests.reserve((bytes.size() / block_bytes + 1) * digest_bytes);
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
    const auto digest = crypto.sha256(bytes.substr(at, block_bytes));
    digests.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  }
  return digests;
}

std::int64_t write_changes(std::string_view bytes, std::string_view digests,
                           std::string_view before, const fs::path& changes) {
  constexpr std::size_t buffer_bytes_max = std::size_t{1} << 20;
  NewFile file(changes);
  std::string buffer(changes_magic);
  std::int64_t changed = 0;
  for (std::size_t block = 0; block * digest_bytes < digests.size(); ++block) {
    const auto at = block * digest_bytes;
    const bool is_known = at + digest_bytes <= before.size() &&
                          before.substr(at, digest_bytes) == digests.substr(at, digest_bytes);
    if (is_known) continue;
    ++changed;
    buffer.append(number_text(block)).append(bytes.substr(block * block_bytes, block_bytes));
    if (buffer.size() < buffer_bytes_max) continue;
    file.write(buffer);
    buffer.clear();
  }
  file.write(buffer);
  file.sync();
  return changed;
}

Result<void> apply_changes(const fs::path& changes, const fs::path& target,
                           std::int64_t target_bytes) {
  const auto damaged = [&] {
    return fail(ErrorKind::invalid, "damaged_backup", changes.string() + " is damaged.");
  };
  const MappedFile mapped(changes);
  auto bytes = mapped.bytes();
  if (!bytes.starts_with(changes_magic) || target_bytes < 0) return damaged();
  bytes.remove_prefix(changes_magic.size());
  const Descriptor file(target, O_WRONLY);
  const auto size = static_cast<std::uint64_t>(target_bytes);
  if (::ftruncate(file.get(), target_bytes) != 0) cannot("write", target);
  while (!bytes.empty()) {
    if (bytes.size() <= number_bytes) return damaged();
    const auto at = read_number(bytes) * block_bytes;
    if (at >= size) return damaged();
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(block_bytes, size - at));
    if (bytes.size() < number_bytes + length) return damaged();
    if (::lseek(file.get(), static_cast<off_t>(at), SEEK_SET) < 0) cannot("write", target);
    write_all(file.get(), bytes.substr(number_bytes, length), target);
    bytes.remove_prefix(number_bytes + length);
  }
  return {};
}

}  // namespace stoa
