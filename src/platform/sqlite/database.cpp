#include "platform/sqlite/database.hpp"

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "kernel/base/assert.hpp"
#include "kernel/base/planted.hpp"
#include "platform/sqlite/beside.hpp"
#include "platform/sqlite/gathering_vfs.hpp"

namespace stoa::sqlite {
namespace {

[[noreturn]] void throw_failure(sqlite3* db, int code) {
  const std::string text = std::string("SQLite: ") + sqlite3_errmsg(db);
  const int extended = sqlite3_extended_errcode(db);
  if (code == SQLITE_CONSTRAINT &&
      (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY))
    throw sql::UniqueViolation(text);
  throw sql::Failure(text);
}

class SqliteStatement final : public sql::Statement {
 public:
  SqliteStatement(sqlite3* db, std::string_view text, std::atomic<std::int64_t>& steps)
      : db_(db), steps_(steps) {
    const char* tail = nullptr;
    const int code = sqlite3_prepare_v3(db, text.data(), static_cast<int>(text.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement_, &tail);
    if (code != SQLITE_OK)
      throw sql::Failure(std::string("SQLite: ") + sqlite3_errmsg(db) +
                         " in: " + std::string(text));
  }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;
  ~SqliteStatement() override { sqlite3_finalize(statement_); }

  void bind(int parameter, std::int64_t value) override {
    check(sqlite3_bind_int64(statement_, parameter, value));
  }
  void bind(int parameter, std::string_view text) override {
    // A null pointer would bind NULL: an empty text is a text.
    check(sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(),
                              SQLITE_STATIC, SQLITE_UTF8));
  }
  void bind(int parameter, sql::Blob blob) override {
    check(sqlite3_bind_blob64(statement_, parameter, blob.bytes.empty() ? "" : blob.bytes.data(),
                              blob.bytes.size(), SQLITE_STATIC));
  }
  void bind_null(int parameter) override { check(sqlite3_bind_null(statement_, parameter)); }

  bool step() override {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (code != SQLITE_DONE) throw_failure(db_, code & 0xff);
    return false;
  }
  void reset() override {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  [[nodiscard]] std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string_view text(int column) const override {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data == nullptr ? std::string_view{} : std::string_view(data, bytes_of(column));
  }
  [[nodiscard]] std::string_view blob(int column) const override {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return data == nullptr ? std::string_view{} : std::string_view(data, bytes_of(column));
  }
  [[nodiscard]] bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) throw_failure(db_, code & 0xff);
  }
  [[nodiscard]] std::size_t bytes_of(int column) const {
    return static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  }

  sqlite3* db_;
  std::atomic<std::int64_t>& steps_;
  sqlite3_stmt* statement_ = nullptr;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

/// What every handle on one file shares; handles may outlive nothing of it.
struct Shared {
  Shared() = default;
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { sqlite3_close_v2(db); }

  sqlite3* db = nullptr;
  std::string allowed_prefix;           // while a statement is prepared
  std::atomic<std::int64_t> steps = 0;  // written by the one thread, read by any
};

/// Called by SQLite for every table that a statement being prepared would touch.
int authorize(void* context, int action, const char* first, const char*, const char*, const char*) {
  const auto& prefix = static_cast<const Shared*>(context)->allowed_prefix;
  if (prefix.empty()) return SQLITE_OK;
  switch (action) {
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      return std::string_view(first).starts_with(prefix) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_SELECT:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

class Handle final : public sql::Connection {
 public:
  Handle(Shared& shared, std::string_view prefix) : shared_(shared), prefix_(prefix) {}

  sql::Statement& prepare(std::string_view text) override {
    // Most texts stand in the program: their address finds them, and only the comparison is left.
    auto& recent = recent_[slot_of(text)];
    if (recent.statement != nullptr && recent.asked.data() == text.data() && recent.text == text)
      return *recent.statement;
    auto found = statements_.find(text);
    if (found == statements_.end()) {
      // Filters are composed of allow-listed parts, so the texts are few; a limit all the same.
      if (statements_.size() >= statements_max) {
        recent_ = {};
        statements_.clear();
      }
      shared_.allowed_prefix = prefix_;
      auto statement = std::make_unique<SqliteStatement>(shared_.db, text, shared_.steps);
      shared_.allowed_prefix.clear();
      found = statements_.emplace(text, std::move(statement)).first;
    }
    recent = {text, found->first, found->second.get()};
    return *found->second;
  }

  [[nodiscard]] std::int64_t changes() const override { return sqlite3_changes64(shared_.db); }

  [[nodiscard]] bool is_prompt() const override { return true; }

  void run_script(std::string_view script) override {
    char* message = nullptr;
    const int code =
        sqlite3_exec(shared_.db, std::string(script).c_str(), nullptr, nullptr, &message);
    const std::string text = message == nullptr ? "" : message;
    sqlite3_free(message);
    if (code != SQLITE_OK) throw sql::Failure("SQLite: " + text);
  }

 private:
  static constexpr std::size_t statements_max = 512;
  static constexpr std::size_t recent_max = 256;

  struct Recent {
    std::string_view asked;  ///< its address alone is looked at: the text may be gone
    std::string_view text;   ///< the key of the statement
    SqliteStatement* statement = nullptr;
  };

  static std::size_t slot_of(std::string_view text) {
    const auto address = reinterpret_cast<std::uintptr_t>(text.data());
    return (address ^ (address >> 8U) ^ text.size()) % recent_max;
  }

  Shared& shared_;
  std::string prefix_;
  std::array<Recent, recent_max> recent_{};
  std::unordered_map<std::string, std::unique_ptr<SqliteStatement>, TextHash, std::equal_to<>>
      statements_;
};

class File final : public Database {
  static constexpr int busy_timeout_ms = 5'000;
  static constexpr int wal_pages_max = 32'768;  // 128 MB
  static constexpr int wal_pages_few = 512;     // moved in some milliseconds
  /// A reader may keep the WAL from beginning anew: to try again at once would cost as much again.
  static constexpr int wal_pages_between_tries = 1'024;

 public:
  /// A writer that is not `durable` waits for no disk.
  File(const std::string& path, Mode mode, const char* vfs, bool durable, const std::string& beside)
      : mode_(mode) {
    count_no_memory();
    const int flags =
        SQLITE_OPEN_NOMUTEX |
        (mode == Mode::writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    if (vfs == nullptr && mode == Mode::writer && durable) vfs = gathering_vfs();
    if (sqlite3_open_v2(path.c_str(), &shared_.db, flags, vfs) != SQLITE_OK) {
      throw sql::Failure("Cannot open " + path + ": " + sqlite3_errmsg(shared_.db));
    }
    sqlite3_extended_result_codes(shared_.db, 1);
    sqlite3_busy_timeout(shared_.db, busy_timeout_ms);
    auto all = handle("");
    if (mode == Mode::writer && durable) {
      all->run_script(
          "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
          "wal_autocheckpoint=0;"
          "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;"
          "PRAGMA journal_size_limit=201326592;");
      sqlite3_wal_hook(shared_.db, count_wal_pages, this);
    } else if (mode == Mode::writer) {
      all->run_script(
          "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA "
          "wal_autocheckpoint=2000; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8000;"
          "PRAGMA journal_size_limit=67108864;");
    } else {
      all->run_script("PRAGMA query_only=ON; PRAGMA cache_size=-8000;");
    }
    if (!beside.empty()) all->execute("ATTACH DATABASE ? AS beside", beside);
    all.reset();
    sqlite3_set_authorizer(shared_.db, authorize, &shared_);
    begin_ = handle("");
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::unique_ptr<sql::Connection> handle(std::string_view prefix) override {
    return std::make_unique<Handle>(shared_, prefix);
  }

  bool begin() override {
    const auto now = wal();
    const bool is_ready = now.left() <= wal_pages_few || now.pages > wal_pages_max;
    if (now.is_long() && is_ready && now.pages >= next_try_) {
      note(checkpoint());
      next_try_ = now.pages + wal_pages_between_tries;
    }
    begin_->execute(mode_ == Mode::reader ? "BEGIN" : "BEGIN IMMEDIATE");
    return mode_ == Mode::writer;  // which is alone
  }
  void commit() override {
    try {
      begin_->execute("COMMIT");
    } catch (const sql::Failure&) {
      rollback();
      throw;
    }
  }
  void rollback() noexcept override {
    if (sqlite3_get_autocommit(shared_.db) == 0)
      sqlite3_exec(shared_.db, "ROLLBACK", nullptr, nullptr, nullptr);
  }

  WalState checkpoint() override {
    WalState state;
    at_point(Point::before_wal_checkpoint);
    sqlite3_wal_checkpoint_v2(shared_.db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &state.pages,
                              &state.moved);
    at_point(Point::after_wal_checkpoint);
    return state;
  }
  [[nodiscard]] WalState wal() const override {
    return {wal_pages_.load(std::memory_order_relaxed), moved_.load(std::memory_order_relaxed)};
  }
  void note(WalState state) override { moved_.store(state.moved, std::memory_order_relaxed); }

  [[nodiscard]] std::int64_t statements() const override {
    return shared_.steps.load(std::memory_order_relaxed);
  }

 private:
  /// SQLite's own account of its memory is a lock that all threads take with every allocation.
  static void count_no_memory() {
    static std::once_flag once;
    std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
  }

  static int count_wal_pages(void* file, sqlite3*, const char*, int in_wal) {
    static_cast<File*>(file)->committed(in_wal);
    return SQLITE_OK;
  }

  void committed(int in_wal) {
    if (in_wal < wal().pages) {  // it has begun anew
      note({});
      next_try_ = 0;
    }
    wal_pages_.store(in_wal, std::memory_order_relaxed);
  }

  Mode mode_;
  std::atomic<int> wal_pages_ = 0;  // after the last commit
  std::atomic<int> moved_ = 0;      // of them, at the last checkpoint
  int next_try_ = 0;                // to begin the WAL anew, at so many pages
  Shared shared_;
  std::unique_ptr<sql::Connection> begin_;
};

}  // namespace

std::unique_ptr<Database> open(const std::string& path, Database::Mode mode, const char* vfs) {
  return std::make_unique<File>(path, mode, vfs, true, "");
}

std::unique_ptr<Database> open_projection(const std::string& path) {
  return std::make_unique<File>(path, Database::Mode::writer, nullptr, false, "");
}

std::unique_ptr<Database> open_with(const std::string& path, const std::string& beside) {
  return std::make_unique<File>(path, Database::Mode::reader, nullptr, true, beside);
}

}  // namespace stoa::sqlite
