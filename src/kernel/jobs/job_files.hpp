#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/mediator/readers.hpp"
#include "kernel/sql/migrate.hpp"

namespace stoa::jobs {

/// The text of a file, as long as this lives.
class FileText {
 public:
  virtual ~FileText() = default;
  [[nodiscard]] virtual std::string_view text() const = 0;
};

/// Files that belong to jobs, by names such as `exports/job_….csv`: what was uploaded for one, and
/// what one writes. All of it blocks and is for the jobs' thread; it throws when what keeps the
/// files refuses.
class JobFiles {
 public:
  virtual ~JobFiles() = default;

  /// A whole file. Durable when it returns.
  virtual void put(const std::string& name, std::string_view text) = 0;
  /// Null when there is none.
  virtual std::unique_ptr<FileText> open(const std::string& name) = 0;
  /// 0 when there is none.
  virtual std::int64_t size(const std::string& name) = 0;
  /// Up to `length` bytes from `from`; nothing when there is no such file.
  virtual std::optional<std::string> part(const std::string& name, std::int64_t from,
                                          std::int64_t length) = 0;
  /// Makes `text` all that the file has from `at` on; it is made when it is missing. What is left
  /// to do of it is returned, for the transaction that keeps the slice.
  virtual std::function<void(UnitOfWork&)> append(const std::string& name, std::int64_t at,
                                                  std::string text) = 0;
  /// False when there was none.
  virtual bool remove(const std::string& name) = 0;
  /// The names of files that were not written since.
  virtual std::vector<std::string> not_written_since(Timestamp time) = 0;
};

/// In folders below `root`, named here, which are made when they are missing: of one process.
std::unique_ptr<JobFiles> make_folder_files(std::string root, std::vector<std::string> folders);

/// In a table of the database of `db`, the writer's: shared by all processes that write it. All
/// outlive it.
std::unique_ptr<JobFiles> make_table_files(sql::Connection& db, Executor& executor,
                                           Readers& readers);
/// Tables with the prefix `jobfiles_`.
sql::Migrations file_migrations();

}  // namespace stoa::jobs
