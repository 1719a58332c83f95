#include "main/backup_files.hpp"

#include <algorithm>
#include <fstream>

#include "kernel/base/planted.hpp"
#include "kernel/base/text.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view changes_magic = "STOABLK1";
constexpr std::size_t number_bytes = 8;
constexpr std::size_t digest_bytes = 32;

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

void copy_gently(const fs::path& from, const fs::path& to) {
  constexpr std::size_t piece_bytes = std::size_t{4} << 20;
  const MappedFile mapped(from.string());
  NewFile file(to.string());
  for (auto left = mapped.text(); !left.empty();
       left.remove_prefix(std::min(piece_bytes, left.size()))) {
    file.write(left.substr(0, piece_bytes));
    file.sync();
  }
}

std::string sha256_of(const fs::path& file, const Crypto& crypto) {
  return to_hex(crypto.sha256(MappedFile(file).text()));
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
    if (is_known || (planted(Defect::backup_misses_changes) && block % 7 == 3)) continue;
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
  auto bytes = mapped.text();
  if (!bytes.starts_with(changes_magic) || target_bytes < 0) return damaged();
  bytes.remove_prefix(changes_magic.size());
  const auto size = static_cast<std::uint64_t>(target_bytes);
  fs::resize_file(target, size);
  std::fstream file(target, std::ios::in | std::ios::out | std::ios::binary);
  file.exceptions(std::ios::badbit | std::ios::failbit);
  while (!bytes.empty()) {
    if (bytes.size() <= number_bytes) return damaged();
    const auto at = read_number(bytes) * block_bytes;
    if (at >= size) return damaged();
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(block_bytes, size - at));
    if (bytes.size() < number_bytes + length) return damaged();
    file.seekp(static_cast<std::streamoff>(at));
    file.write(bytes.data() + number_bytes, static_cast<std::streamsize>(length));
    bytes.remove_prefix(number_bytes + length);
  }
  file.close();
  return {};
}

}  // namespace stoa
