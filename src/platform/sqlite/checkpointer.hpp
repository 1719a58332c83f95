#pragma once

#include <memory>
#include <string>

namespace stoa::sqlite {

class Database;

/// Moves the WAL of a file into the file on a thread and a connection of its own, so that no commit
/// waits for it: what is left for the writer, when the WAL must begin anew, is little.
class Checkpointer {
 public:
  virtual ~Checkpointer() = default;  ///< moves what is there and ends the thread
};

/// Of the file at `path`, which must exist and which `writer` writes: it is told how far the WAL
/// is moved, and must outlive the checkpointer. Throws sql::Failure.
std::unique_ptr<Checkpointer> make_checkpointer(const std::string& path, Database& writer);

}  // namespace stoa::sqlite
