#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "kernel/base/crypto.hpp"
#include "kernel/base/files.hpp"
#include "kernel/base/result.hpp"

namespace stoa {

// Files of backups. What the operating system refuses (disk full, no permission) is thrown as in
// kernel/base/files.hpp.

/// Copies a file to a new one, and to the disk in small pieces: a flood of writes would keep the
/// commits of a shop on the same disk waiting.
void copy_gently(const std::filesystem::path& from, const std::filesystem::path& to);

/// SHA-256 of a file, in hexadecimal digits.
std::string sha256_of(const std::filesystem::path& file, const Crypto& crypto);

/// A file is compared in blocks of the size of SQLite's pages.
constexpr std::size_t block_bytes = 4'096;

/// The SHA-256 of every block of a file one after another, 32 bytes each; the last may be short.
std::string block_digests(std::string_view bytes, const Crypto& crypto);

/// Writes the blocks whose digests are not those of `before` to a new file of changes: after
/// `STOABLK1` for each its number (8 bytes, lowest first) and its bytes. Returns how many they are.
std::int64_t write_changes(std::string_view bytes, std::string_view digests,
                           std::string_view before, const std::filesystem::path& changes);

/// Puts the blocks of such a file into `target` and gives it `target_bytes` bytes.
/// `damaged_backup` (invalid) when the file of changes is none.
Result<void> apply_changes(const std::filesystem::path& changes,
                           const std::filesystem::path& target, std::int64_t target_bytes);

}  // namespace stoa
