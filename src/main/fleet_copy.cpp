#include "main/fleet_copy.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "kernel/sql/migrate.hpp"
#include "main/service_process.hpp"
#include "main/shop.hpp"
#include "platform/postgres/database.hpp"
#include "platform/sqlite/database.hpp"
#include "services/catalog/module.hpp"

namespace stoa {
namespace {

/// Whose database holds the tables of a prefix, and in which file they stand in a shop.
struct Place {
  std::string_view prefix;
  const char* service;
  const char* file;
};
/// Who acts on events before whom they come from, so that what is told is not seen without what it
/// led to more often than need be.
constexpr std::array<Place, 7> places{{{"ordering_", "ordering", "shop.db"},
                                       {"catalog_", "catalog", "shop.db"},
                                       {"shop_", "catalog", "shop.db"},
                                       {"agents_", "agents", "shop.db"},
                                       {"payment_", "payment", "shop.db"},
                                       {"sim_", "payment", "simulator.db"},
                                       {"notification_", "notification", "shop.db"}}};

enum class Kind { integer, text, bytes };
struct Column {
  std::string name;
  Kind kind;
};

/// By the affinity that SQLite gives a declared type.
Kind kind_of(std::string_view declared) {
  if (declared.find("INT") != std::string_view::npos) return Kind::integer;
  return declared.find("BLOB") != std::string_view::npos ? Kind::bytes : Kind::text;
}

std::vector<std::string> tables_of(sql::Connection& shop, std::string_view prefix) {
  std::vector<std::string> tables;
  shop.query(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ?",
      [&](const sql::Row& row) { tables.emplace_back(row.text(0)); },
      static_cast<std::int64_t>(prefix.size()), prefix);
  return tables;
}

std::vector<Column> columns_of(sql::Connection& shop, const std::string& table) {
  std::vector<Column> columns;
  shop.query(
      "SELECT name, type FROM pragma_table_info(?)",
      [&](const sql::Row& row) {
        columns.push_back({std::string(row.text(0)), kind_of(row.text(1))});
      },
      table);
  return columns;
}

void bind(sql::Statement& to, int parameter, const sql::Row& row, int column, Kind kind) {
  if (row.is_null(column)) return to.bind_null(parameter);
  switch (kind) {
    case Kind::integer:
      return to.bind(parameter, row.integer(column));
    case Kind::text:
      return to.bind(parameter, row.text(column));
    case Kind::bytes:
      return to.bind(parameter, sql::Blob{row.blob(column)});
  }
}

/// What migrations put into the table of a new shop gives way to the rows of the fleet.
void copy_table(sql::Connection& from, sql::Connection& to, const std::string& table) {
  const auto columns = columns_of(to, table);
  std::string names, marks;
  for (const auto& column : columns) {
    names += (names.empty() ? "\"" : ", \"") + column.name + "\"";
    marks += marks.empty() ? "?" : ", ?";
  }
  to.execute("DELETE FROM " + table);
  auto& insert = to.prepare("INSERT INTO " + table + "(" + names + ") VALUES(" + marks + ")");
  from.query("SELECT " + names + " FROM " + table, [&](const sql::Row& row) {
    for (int i = 0; i < static_cast<int>(columns.size()); ++i)
      bind(insert, i + 1, row, i, columns[static_cast<std::size_t>(i)].kind);
    insert.step();
    insert.reset();
  });
}

}  // namespace

void copy_fleet(const Configuration& configuration, DataFolder& shop) {
  migrate_shop(shop);
  for (const auto& [prefix, service, file] : places) {
    const auto source =
        postgres::open(database_of(service, configuration), postgres::Database::Mode::reader);
    const auto target = sqlite::open(shop.file(file), sqlite::Database::Mode::writer);
    if (prefix == "catalog_") sql::migrate(*target, catalog::ledger_migrations());
    const auto from = source->handle("");
    const auto to = target->handle("");
    source->begin();
    target->begin();
    for (const auto& table : tables_of(*to, prefix)) copy_table(*from, *to, table);
    target->commit();
    source->rollback();
  }
}

}  // namespace stoa
