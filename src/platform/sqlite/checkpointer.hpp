#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace stoa::sqlite {

/// Moves the WAL of a file into the file on a thread and a connection of its own, so that no commit
/// waits for it, and keeps the WAL near `wal_bytes_max`: SQLite begins it anew only when all of it
/// is moved and nobody reads it, which under steady writing never happens by itself. So beyond the
/// limit the writer is held back for as long as the rest of the WAL takes, some milliseconds.
class Checkpointer {
 public:
  virtual ~Checkpointer() = default;  ///< moves what is there and ends the thread
};

/// The file must exist. Throws sql::Failure.
std::unique_ptr<Checkpointer> make_checkpointer(const std::string& path,
                                                std::int64_t wal_bytes_max = 32 << 20);

}  // namespace stoa::sqlite
