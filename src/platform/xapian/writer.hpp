#pragma once

#include <xapian.h>

#include <memory>
#include <string>
#include <vector>

#include "kernel/search/index.hpp"
#include "platform/xapian/layout.hpp"

namespace stoa::xapian {

/// A writer over one database folder.
class DatabaseWriter : public search::Writer {
 public:
  /// Commits, and lets the folder go.
  virtual void close() = 0;
  [[nodiscard]] virtual const std::string& path() const = 0;
};

struct WriterOptions {
  Fold fold;
  std::string language;  ///< of the stemmer; `none`
  /// Called before each commit with the documents that were put since the last one.
  std::function<void(std::vector<Xapian::docid>)> committing = [](const auto&) {};
  std::function<void()> committed = [] {};  ///< called after each commit
};

/// Nothing when the folder holds no database of this layout and language, or a damaged one.
std::unique_ptr<DatabaseWriter> open_writer(const std::string& path, WriterOptions options);
/// An empty one. Its commits are not flushed to the disk. Throws search::Failure.
std::unique_ptr<DatabaseWriter> create_writer(const std::string& path, WriterOptions options);

}  // namespace stoa::xapian
