#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

class SqlImportRows final : public ImportRows {
 public:
  explicit SqlImportRows(sql::Connection& db) : db_(db) {}

  void append(const std::string& job, std::int64_t nth, const ImportRow& row) override {
    db_.execute(
        "INSERT INTO catalog_import_row(job, nth, kind, line, reason, \"offset\", length) "
        "VALUES(?, ?, ?, ?, ?, ?, ?)",
        job, nth, static_cast<std::int64_t>(row.kind), row.line, row.reason, row.offset,
        row.length);
  }

  std::vector<ImportRow> list(const std::string& job, std::int64_t limit) override {
    std::vector<ImportRow> rows;
    db_.query(
        "SELECT kind, line, reason, \"offset\", length FROM catalog_import_row WHERE job = ? "
        "ORDER BY nth LIMIT ?",
        [&](const sql::Row& row) {
          rows.push_back({static_cast<ImportRow::Kind>(row.integer(0)), row.integer(1),
                          std::string(row.text(2)), row.integer(3), row.integer(4)});
        },
        job, limit);
    return rows;
  }

  void remove(const std::string& job) override {
    db_.execute("DELETE FROM catalog_import_row WHERE job = ?", job);
  }

 private:
  sql::Connection& db_;
};

}  // namespace

std::unique_ptr<ImportRows> make_import_rows(sql::Connection& db) {
  return std::make_unique<SqlImportRows>(db);
}

}  // namespace stoa::catalog
