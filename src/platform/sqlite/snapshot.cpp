#include "platform/sqlite/snapshot.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <thread>

#include "kernel/sql/connection.hpp"

namespace stoa::sqlite {
namespace {

constexpr int busy_timeout_ms = 5'000;
constexpr int pages_a_step = 1'024;  // 4 MB

class Opened {
 public:
  Opened(std::string path, int flags) : path_(std::move(path)) {
    if (sqlite3_open_v2(path_.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
      fail();
    sqlite3_busy_timeout(db_, busy_timeout_ms);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { sqlite3_close_v2(db_); }

  [[nodiscard]] int try_to(const char* statement) {
    return sqlite3_exec(db_, statement, nullptr, nullptr, nullptr);
  }
  void run(const char* statement) {
    if (try_to(statement) != SQLITE_OK) fail();
  }
  [[noreturn]] void fail() const { throw sql::Failure("SQLite: " + path_ + ": " + error()); }
  [[nodiscard]] std::string error() const { return sqlite3_errmsg(db_); }
  [[nodiscard]] sqlite3* get() const { return db_; }

 private:
  std::string path_;
  sqlite3* db_ = nullptr;
};

class FileSnapshot final : public Snapshot {
 public:
  explicit FileSnapshot(const std::string& path) : source_(path, SQLITE_OPEN_READWRITE) {
    source_.run("BEGIN");
    source_.run("SELECT count(*) FROM sqlite_schema");  // only now the moment is taken
  }

  void copy_to(const std::string& path) override {
    Opened copy(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    copy.run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
    auto* backup = sqlite3_backup_init(copy.get(), "main", source_.get(), "main");
    if (backup == nullptr) copy.fail();
    // Our transaction is open all the while: what others write does not make it begin anew. The
    // disk gets the copy little by little, for a flood would keep the shop's commits waiting.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    while (sqlite3_backup_step(backup, pages_a_step) == SQLITE_OK) ::fdatasync(file);
    ::close(file);
    if (sqlite3_backup_finish(backup) != SQLITE_OK) copy.fail();
  }

 private:
  Opened source_;
};

/// While it lives nobody else writes to the file.
class WritePause {
 public:
  WritePause(const std::string& path, std::chrono::milliseconds patience)
      : db_(path, SQLITE_OPEN_READWRITE) {
    // SQLite's own waiting grows to 100 ms between two looks and would miss a busy writer's pauses.
    sqlite3_busy_timeout(db_.get(), 0);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (db_.try_to("BEGIN IMMEDIATE") != SQLITE_OK) {
      const bool is_busy = (sqlite3_errcode(db_.get()) & 0xff) == SQLITE_BUSY;
      if (!is_busy || std::chrono::steady_clock::now() > deadline) db_.fail();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

 private:
  Opened db_;  // closing it rolls back
};

}  // namespace

std::vector<std::unique_ptr<Snapshot>> snapshots_of(const std::vector<std::string>& paths,
                                                    std::chrono::milliseconds patience) {
  std::vector<std::unique_ptr<Snapshot>> taken;
  taken.reserve(paths.size());
  const WritePause pause(paths.front(), patience);
  for (const auto& path : paths) taken.push_back(std::make_unique<FileSnapshot>(path));
  return taken;
}

}  // namespace stoa::sqlite
