#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace stoa::sqlite {

/// One moment of an SQLite file, kept by a read transaction until this goes: meanwhile the WAL of
/// the file cannot begin anew and grows with what is written. For one thread.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  /// Writes the file as it was in that moment to `path`, which must not exist, with SQLite's backup
  /// API; its end is not synced to the disk. Throws sql::Failure.
  virtual void copy_to(const std::string& path) = 0;
};

/// The same moment of several files of one shop, also of one that runs in another process: nobody
/// writes to the first of them between the first snapshot and the last, its writer waits for that
/// (about a millisecond). Throws sql::Failure, also when the writer does not pause for `patience`.
std::vector<std::unique_ptr<Snapshot>> snapshots_of(
    const std::vector<std::string>& paths,
    std::chrono::milliseconds patience = std::chrono::seconds(30));

}  // namespace stoa::sqlite
