#pragma once

#include <memory>
#include <string>

namespace stoa::sqlite {

/// Moves the WAL of a file into the file on a thread and a connection of its own, so that no commit
/// waits for it: what is left for the writer, when the WAL must begin anew, is little.
class Checkpointer {
 public:
  virtual ~Checkpointer() = default;  ///< moves what is there and ends the thread
};

/// The file must exist. Throws sql::Failure.
std::unique_ptr<Checkpointer> make_checkpointer(const std::string& path);

}  // namespace stoa::sqlite
