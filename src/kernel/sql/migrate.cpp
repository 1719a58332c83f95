#include "kernel/sql/migrate.hpp"

#include <optional>
#include <string>

#include "kernel/base/clock.hpp"
#include "kernel/base/text.hpp"

namespace stoa::sql {
namespace {

std::string with_time(std::string_view script) {
  constexpr std::string_view now = "{{now}}";
  std::string text(script);
  for (auto at = text.find(now); at != text.npos; at = text.find(now, at))
    text.replace(at, now.size(), to_rfc3339(SystemClock().now()));
  return text;
}

constexpr std::string_view usable_schema =
    "CREATE TABLE IF NOT EXISTS host_usable_from"
    "(prefix TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID";

std::optional<std::int64_t> number_of(Connection& db, std::string_view table,
                                      std::string_view prefix) {
  return db.one(
      "SELECT version FROM " + std::string(table) + " WHERE prefix = ?",
      [](const Row& row) { return row.integer(0); }, prefix);
}

void keep(Connection& db, std::string_view table, std::string_view prefix, std::int64_t version) {
  db.execute("INSERT INTO " + std::string(table) +
                 "(prefix, version) VALUES(?, ?) ON CONFLICT(prefix) DO UPDATE SET "
                 "version = excluded.version",
             prefix, version);
}

/// Throws unless who brought the tables to `version` left them to programs of this version too.
void check_usable(Connection& db, const Migrations& migrations, std::int64_t version) {
  db.run_script(usable_schema);
  const auto own = std::to_string(migrations.scripts.size());
  const auto from = number_of(db, "host_usable_from", migrations.prefix).value_or(version);
  if (from > static_cast<std::int64_t>(migrations.scripts.size()))
    throw Failure("The data of " + std::string(migrations.prefix) + " are of version " +
                  std::to_string(version) + ", newer than this program's " + own +
                  ", and usable from version " + std::to_string(from) + " on: use a newer Stoa.");
}

}  // namespace

void migrate(Database& database, const Migrations& migrations) {
  const auto db = database.handle("");
  const auto newest = static_cast<std::int64_t>(migrations.scripts.size());
  for (bool is_done = false; !is_done;) {
    database.begin();
    try {
      db->run_script(
          "CREATE TABLE IF NOT EXISTS host_migrations"
          "(prefix TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID");
      // Within the transaction: another process may migrate the same database.
      const auto version = number_of(*db, "host_migrations", migrations.prefix).value_or(0);
      if (version > newest) check_usable(*db, migrations, version);
      is_done = version >= newest;
      if (!is_done) {
        const auto& beginning = migrations.beginning;
        const bool begins = version == 0 && beginning.version > 0 && beginning.version <= newest;
        if (begins) db->run_script(with_time(beginning.script));
        if (!begins) db->run_script(migrations.scripts[static_cast<std::size_t>(version)]);
        keep(*db, "host_migrations", migrations.prefix, begins ? beginning.version : version + 1);
        if (migrations.usable_from > 0) {
          db->run_script(usable_schema);
          keep(*db, "host_usable_from", migrations.prefix, migrations.usable_from);
        }
      }
      database.commit();
    } catch (...) {
      database.rollback();
      throw;
    }
  }
}

}  // namespace stoa::sql
