#include <algorithm>

#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/read_now.hpp"

namespace stoa::jobs {
namespace {

// A row holds a piece, which begins in the file at `start`.
constexpr std::string_view schema = R"sql(
CREATE TABLE jobfiles_piece(
  name TEXT NOT NULL, start INTEGER NOT NULL, data BLOB NOT NULL, written_at INTEGER NOT NULL,
  PRIMARY KEY(name, start)) WITHOUT ROWID;
)sql";

constexpr std::size_t piece_bytes = std::size_t{256} << 10;
constexpr int piece_weight = 50;  ///< order lines that the writer decides in the time

class WholeText final : public FileText {
 public:
  explicit WholeText(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] std::string_view text() const override { return text_; }

 private:
  std::string text_;
};

class TableFiles final : public JobFiles {
 public:
  TableFiles(sql::Connection& db, Executor& executor, Readers& readers)
      : db_(db), executor_(executor), readers_(readers) {}

  /// A piece a transaction, so that the writer is never held for long. A crash leaves some of them,
  /// of a file that no job has.
  void put(const std::string& name, std::string_view text) override {
    std::size_t at = 0;
    do {
      const std::string piece(text.substr(at, piece_bytes));
      write_now(executor_, piece_weight, [&](UnitOfWork& unit) {
        replace_from(unit, name, static_cast<std::int64_t>(at), piece);
      });
      at += piece.size();
    } while (at < text.size());
  }

  std::unique_ptr<FileText> open(const std::string& name) override {
    std::string whole;
    for (bool more = true; more;) {
      const auto piece = read_now<std::optional<std::string>>(
          readers_, [&name, at = static_cast<std::int64_t>(whole.size())](Store store) {
            return store.db.one(
                "SELECT data FROM jobfiles_piece WHERE name = ? AND start = ?",
                [](const sql::Row& row) { return std::string(row.blob(0)); }, name, at);
          });
      if (!piece && whole.empty()) return nullptr;
      more = piece && !piece->empty();
      if (piece) whole += *piece;
    }
    return std::make_unique<WholeText>(std::move(whole));
  }

  std::int64_t size(const std::string& name) override {
    return read_now<std::int64_t>(
        readers_, [&name](Store store) { return size_of(store.db, name).value_or(0); });
  }

  std::optional<std::string> part(const std::string& name, std::int64_t from,
                                  std::int64_t length) override {
    return read_now<std::optional<std::string>>(
        readers_, [&](Store store) -> std::optional<std::string> {
          if (!size_of(store.db, name)) return std::nullopt;
          std::string found;
          store.db.query(
              "SELECT start, data FROM jobfiles_piece WHERE name = ? AND start < ?"
              " AND start + length(data) > ? ORDER BY start",
              [&](const sql::Row& row) {
                const auto skipped =
                    static_cast<std::size_t>(std::max<std::int64_t>(0, from - row.integer(0)));
                const auto wanted = static_cast<std::size_t>(length) - found.size();
                found += row.blob(1).substr(skipped, wanted);
              },
              name, from + length, from);
          return found;
        });
  }

  std::function<void(UnitOfWork&)> append(const std::string& name, std::int64_t at,
                                          std::string text) override {
    return [this, name, at, text = std::move(text)](UnitOfWork& unit) {
      replace_from(unit, name, at, text);
    };
  }

  bool remove(const std::string& name) override {
    const bool is_there = read_now<bool>(
        readers_, [&name](Store store) { return size_of(store.db, name).has_value(); });
    if (is_there)
      write_now(executor_, piece_weight, [&](UnitOfWork&) {
        db_.execute("DELETE FROM jobfiles_piece WHERE name = ?", name);
      });
    return is_there;
  }

  std::vector<std::string> not_written_since(Timestamp time) override {
    return read_now<std::vector<std::string>>(readers_, [time](Store store) {
      std::vector<std::string> names;
      store.db.query(
          "SELECT name FROM jobfiles_piece GROUP BY name HAVING max(written_at) <= ?",
          [&](const sql::Row& row) { names.emplace_back(row.text(0)); },
          to_unix_microseconds(time));
      return names;
    });
  }

 private:
  static std::optional<std::int64_t> size_of(sql::Connection& db, const std::string& name) {
    return db.one(
        "SELECT start + length(data) FROM jobfiles_piece WHERE name = ? ORDER BY start DESC"
        " LIMIT 1",
        [](const sql::Row& row) { return row.integer(0); }, name);
  }

  void replace_from(UnitOfWork& unit, const std::string& name, std::int64_t at,
                    std::string_view text) {
    db_.execute("DELETE FROM jobfiles_piece WHERE name = ? AND start >= ?", name, at);
    db_.execute("INSERT INTO jobfiles_piece(name, start, data, written_at) VALUES(?, ?, ?, ?)",
                name, at, sql::Blob{text}, to_unix_microseconds(unit.now()));
  }

  sql::Connection& db_;
  Executor& executor_;
  Readers& readers_;
};

}  // namespace

std::unique_ptr<JobFiles> make_table_files(sql::Connection& db, Executor& executor,
                                           Readers& readers) {
  return std::make_unique<TableFiles>(db, executor, readers);
}

sql::Migrations file_migrations() { return {"jobfiles_", {schema}}; }

}  // namespace stoa::jobs
