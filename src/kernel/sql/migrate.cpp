#include "kernel/sql/migrate.hpp"

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
      const auto version = db->one(
                                 "SELECT version FROM host_migrations WHERE prefix = ?",
                                 [](const Row& row) { return row.integer(0); }, migrations.prefix)
                               .value_or(0);
      if (version > newest)
        throw Failure("The data of " + std::string(migrations.prefix) + " are of version " +
                      std::to_string(version) + ", newer than this program's " +
                      std::to_string(newest) + ": use a newer Stoa.");
      is_done = version == newest;
      if (!is_done) {
        const auto& beginning = migrations.beginning;
        const bool begins = version == 0 && beginning.version > 0 && beginning.version <= newest;
        if (begins) db->run_script(with_time(beginning.script));
        if (!begins) db->run_script(migrations.scripts[static_cast<std::size_t>(version)]);
        db->execute(
            "INSERT INTO host_migrations VALUES(?, ?) ON CONFLICT(prefix) DO UPDATE SET "
            "version = excluded.version",
            migrations.prefix, begins ? beginning.version : version + 1);
      }
      database.commit();
    } catch (...) {
      database.rollback();
      throw;
    }
  }
}

}  // namespace stoa::sql
