#include "main/backup_cut.hpp"

#include <algorithm>
#include <initializer_list>

#include "kernel/base/files.hpp"
#include "kernel/base/planted.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "main/audit.hpp"
#include "main/backup_files.hpp"
#include "platform/sqlite/database.hpp"
#include "platform/sqlite/snapshot.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

/// Of words of ours and names of tables.
std::string statement(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) text += part;
  return text;
}

/// The tables of keys, by the ending that every service gives to them.
std::vector<std::string> key_tables(sql::Connection& db, const std::string& schema) {
  std::vector<std::string> tables;
  db.query("SELECT name FROM " + schema +
               ".sqlite_schema WHERE type = 'table' AND name LIKE '%\\_person\\_keys' ESCAPE '\\'"
               " ORDER BY name",
           [&](const sql::Row& row) { tables.emplace_back(row.text(0)); });
  return tables;
}

/// Moves the secrets of a copy into a file of their own. The copy's pages keep nothing of them.
void part_from_secrets(const fs::path& shop_file, const fs::path& keys_file,
                       const std::string& api_keys) {
  const auto shop = sqlite::open(shop_file.string(), sqlite::Database::Mode::writer);
  const auto db = shop->handle("");
  db->run_script("PRAGMA secure_delete=ON");
  db->execute("ATTACH ? AS secrets", keys_file.string());
  const auto tables = key_tables(*db, "main");
  shop->begin();
  for (const auto& table : tables) {
    db->run_script(statement({"CREATE TABLE secrets.", table, " AS SELECT * FROM main.", table}));
    if (!planted(Defect::backup_keeps_keys))
      db->run_script(statement({"DELETE FROM main.", table}));
  }
  db->run_script(
      "CREATE TABLE secrets.settings AS SELECT name, value FROM main.host_settings"
      " WHERE name = 'shop_secret';"
      "DELETE FROM main.host_settings WHERE name = 'shop_secret';"
      "CREATE TABLE secrets.api_keys(text TEXT NOT NULL)");
  if (!api_keys.empty()) db->execute("INSERT INTO secrets.api_keys VALUES(?)", api_keys);
  shop->commit();
  db->run_script("DETACH secrets");
}

void check_file(const fs::path& file, std::vector<std::string>& faults) {
  const auto database = sqlite::open(file.string(), sqlite::Database::Mode::reader);
  database->handle("")->query("PRAGMA integrity_check", [&](const sql::Row& row) {
    if (row.text(0) != "ok")
      faults.push_back(file.filename().string() + " is damaged: " + std::string(row.text(0)));
  });
}

void check_logs(sql::Connection& shop, const std::vector<LogCut>& expected, const Crypto& crypto,
                std::vector<std::string>& faults) {
  const auto found = logs_of(shop);
  for (const auto& log : expected) {
    const auto at = std::ranges::find(found, log.service, &LogCut::service);
    if (at == found.end() || at->position != log.position || at->head_hash != log.head_hash)
      faults.push_back("The log of " + log.service + " does not end at position " +
                       std::to_string(log.position) + ".");
  }
  for (const auto& log : found) {
    const auto walked = verify_chain(shop, log.service + "_", crypto);
    if (walked.damaged_at || !walked.ends_at_head)
      faults.push_back("The log of " + log.service + " is damaged at position " +
                       std::to_string(walked.damaged_at.value_or(walked.events)) + ".");
  }
}

}  // namespace

void stage_cut(const std::string& data, const fs::path& into) {
  std::vector<std::string> sources;
  for (const auto name : cut_files) sources.push_back(data + "/" + std::string(name));
  auto moments = sqlite::snapshots_of(sources);
  for (std::size_t at = 0; at < moments.size(); ++at) {
    moments[at]->copy_to((into / cut_files[at]).string());
    moments[at].reset();  // from here on the WAL can begin anew
  }
  const auto api_keys = read_file(data + "/keys").value_or("");
  part_from_secrets(into / cut_files[0], into / cut_keys_file, api_keys);
  for (const auto name : cut_files) sync_file(into / name);
  sync_file(into / cut_keys_file);
}

void put_back_keys(const fs::path& keys_file, const fs::path& folder) {
  const auto shop = sqlite::open((folder / cut_files[0]).string(), sqlite::Database::Mode::writer);
  const auto db = shop->handle("");
  db->execute("ATTACH ? AS secrets", keys_file.string());
  const auto tables = key_tables(*db, "secrets");
  shop->begin();
  for (const auto& table : tables)
    db->run_script(
        statement({"INSERT OR REPLACE INTO main.", table, " SELECT * FROM secrets.", table}));
  db->run_script(
      "INSERT OR REPLACE INTO main.host_settings(name, value)"
      " SELECT name, value FROM secrets.settings");
  shop->commit();
  const auto api_keys = db->one("SELECT text FROM secrets.api_keys",
                                [](const sql::Row& row) { return std::string(row.text(0)); });
  db->run_script("DETACH secrets");
  if (!api_keys) return;
  NewFile file(folder / "keys");
  file.write(*api_keys);
  file.sync();
}

std::vector<LogCut> logs_of(sql::Connection& shop) {
  constexpr std::string_view ending = "_log_head";
  std::vector<std::string> services;
  shop.query("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
             [&](const sql::Row& row) {
               const auto name = row.text(0);
               if (name.ends_with(ending))
                 services.emplace_back(name.substr(0, name.size() - ending.size()));
             });
  std::vector<LogCut> logs;
  for (const auto& service : services) {
    const auto table = service + "_log";
    shop.query(statement({"SELECT epoch, position, hash, coalesce((SELECT hash FROM ", table,
                          " WHERE position = 1), '') FROM ", table, "_head"}),
               [&](const sql::Row& row) {
                 logs.push_back({service, row.integer(0), row.integer(1), std::string(row.text(2)),
                                 std::string(row.text(3))});
               });
  }
  return logs;
}

std::vector<std::string> faults_of_copy(const fs::path& folder, const std::vector<LogCut>& expected,
                                        const Crypto& crypto) {
  std::vector<std::string> faults;
  try {
    for (const auto name : cut_files) check_file(folder / name, faults);
    if (!faults.empty()) return faults;
    const auto shop =
        sqlite::open((folder / cut_files[0]).string(), sqlite::Database::Mode::reader);
    const auto db = shop->handle("");
    check_logs(*db, expected, crypto, faults);
    const auto ledger =
        sqlite::open((folder / cut_files[1]).string(), sqlite::Database::Mode::reader);
    for (auto& finding : audit(*db, *ledger->handle(""), crypto).findings)
      faults.push_back("The audit finds: " + finding);
  } catch (const sql::Failure& failure) {
    faults.emplace_back(failure.what());
  }
  return faults;
}

}  // namespace stoa
