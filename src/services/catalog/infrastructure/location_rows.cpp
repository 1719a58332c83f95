#include "kernel/base/assert.hpp"
#include "services/catalog/infrastructure/rows.hpp"

namespace stoa::catalog {
namespace {

template <class T>
T stored(std::string_view data) {
  auto value = json::read_stored<T>(data);
  STOA_ASSERT(value.has_value());
  return std::move(*value);
}

std::string text_of(const sql::Row& row) { return std::string(row.text(0)); }

class SqlLocationRows final : public LocationRows {
 public:
  explicit SqlLocationRows(sql::Connection& db) : db_(db) {}

  std::vector<Location> all() override {
    std::vector<Location> locations;
    db_.query("SELECT data FROM catalog_location ORDER BY code",
              [&](const sql::Row& row) { locations.push_back(stored<Location>(row.text(0))); });
    return locations;
  }
  std::optional<Location> find(const std::string& code) override {
    return db_.one(
        "SELECT data FROM catalog_location WHERE code = ?",
        [](const sql::Row& row) { return stored<Location>(row.text(0)); }, code);
  }
  void put(const Location& location) override {
    db_.execute(
        "INSERT INTO catalog_location(code, data) VALUES(?, ?) "
        "ON CONFLICT(code) DO UPDATE SET data = excluded.data",
        location.code, json::to_stored_json(location));
  }
  std::optional<std::string> allocation() override {
    return db_.one("SELECT name FROM catalog_allocation", text_of);
  }
  void set_allocation(std::string_view name) override {
    db_.execute(
        "INSERT INTO catalog_allocation(id, name) VALUES(1, ?) "
        "ON CONFLICT(id) DO UPDATE SET name = excluded.name",
        name);
  }

 private:
  sql::Connection& db_;
};

class SqlTransferRows final : public TransferRows {
 public:
  explicit SqlTransferRows(sql::Connection& db) : db_(db) {}

  std::optional<TransferRecorded> find(const std::string& id) override {
    return db_.one(
        "SELECT data FROM catalog_transfer WHERE id = ?",
        [](const sql::Row& row) { return stored<TransferRecorded>(row.text(0)); }, id);
  }
  std::optional<std::string> id_of_external_id(const std::string& external_id) override {
    return db_.one("SELECT id FROM catalog_transfer WHERE external_id = ?", text_of, external_id);
  }
  void insert(const TransferRecorded& transfer) override {
    db_.execute("INSERT INTO catalog_transfer(id, external_id, data) VALUES(?, ?, ?)", transfer.id,
                transfer.external_id, json::to_stored_json(transfer));
  }
  std::vector<TransferRecorded> page(const std::string& before, int limit) override {
    std::vector<TransferRecorded> transfers;
    db_.query(
        "SELECT data FROM catalog_transfer WHERE ?1 = '' OR id < ?1 ORDER BY id DESC LIMIT ?2",
        [&](const sql::Row& row) { transfers.push_back(stored<TransferRecorded>(row.text(0))); },
        before, limit);
    return transfers;
  }

 private:
  sql::Connection& db_;
};

class SqlCountRows final : public CountRows {
 public:
  explicit SqlCountRows(sql::Connection& db) : db_(db) {}

  std::optional<StockCount> find(const std::string& id) override {
    return db_.one(
        "SELECT data FROM catalog_count WHERE id = ?",
        [](const sql::Row& row) { return stored<StockCount>(row.text(0)); }, id);
  }
  void put(const StockCount& count) override {
    db_.execute(
        "INSERT INTO catalog_count(id, status, data) VALUES(?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET status = excluded.status, data = excluded.data",
        count.id, json::name_of(count.status), json::to_stored_json(count));
  }
  std::vector<StockCount> page(const std::string& before, std::optional<CountStatus> status,
                               int limit) override {
    std::vector<StockCount> counts;
    db_.query(
        "SELECT data FROM catalog_count WHERE (?1 = '' OR id < ?1) AND (?2 IS NULL OR status = ?2) "
        "ORDER BY id DESC LIMIT ?3",
        [&](const sql::Row& row) { counts.push_back(stored<StockCount>(row.text(0))); }, before,
        status ? std::optional(std::string(json::name_of(*status))) : std::nullopt, limit);
    return counts;
  }

 private:
  sql::Connection& db_;
};

}  // namespace

std::unique_ptr<LocationRows> make_location_rows(sql::Connection& db) {
  return std::make_unique<SqlLocationRows>(db);
}
std::unique_ptr<TransferRows> make_transfer_rows(sql::Connection& db) {
  return std::make_unique<SqlTransferRows>(db);
}
std::unique_ptr<CountRows> make_count_rows(sql::Connection& db) {
  return std::make_unique<SqlCountRows>(db);
}

}  // namespace stoa::catalog
