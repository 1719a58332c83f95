#include "main/log_epochs.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "kernel/base/planted.hpp"
#include "main/backup_cut.hpp"

namespace stoa {

std::string log_epochs_schema() {
  return "CREATE TABLE IF NOT EXISTS host_log_epochs(service TEXT NOT NULL, epoch INTEGER NOT NULL,"
         " began_after INTEGER NOT NULL, PRIMARY KEY(service, epoch)) WITHOUT ROWID";
}

ServiceEpochs read_log_epochs(sqlite::Database& shop) {
  const auto db = shop.handle("");
  const auto is_there = db->one("SELECT 1 FROM sqlite_schema WHERE name = 'host_log_epochs'",
                                [](const sql::Row&) { return true; });
  if (!is_there) return ServiceEpochs();  // of a version that knew no restore
  std::map<std::string, std::vector<LogEpochs::Epoch>> later;
  db->query("SELECT service, epoch, began_after FROM host_log_epochs ORDER BY service, epoch",
            [&](const sql::Row& row) {
              later[std::string(row.text(0))].push_back({row.integer(1), row.integer(2)});
            });
  std::map<std::string, LogEpochs, std::less<>> logs;
  for (const auto& [service, epochs] : later) logs.emplace(service, LogEpochs(epochs));
  return ServiceEpochs(std::move(logs));
}

LogEpochs read_log_epochs(sql::Connection& db, const std::string& service) {
  if (planted(Defect::epochs_unread)) return {};
  std::vector<LogEpochs::Epoch> later;
  db.query(
      "SELECT epoch, began_after FROM host_log_epochs WHERE service = ? ORDER BY epoch",
      [&](const sql::Row& row) { later.push_back({row.integer(0), row.integer(1)}); }, service);
  const auto told = later.empty() ? LogEpochs::first : later.back().epoch;
  const auto current = db.one("SELECT epoch FROM " + service + "_log_head",
                              [](const sql::Row& row) { return row.integer(0); });
  if (current && *current != told) later.push_back({*current, 0});
  return LogEpochs(later);
}

std::int64_t begin_log_epoch(sqlite::Database& shop, Timestamp now) {
  const auto db = shop.handle("");
  db->run_script(log_epochs_schema());
  const auto logs = logs_of(*db);
  auto epoch = to_unix_milliseconds(now);
  for (const auto& log : logs) epoch = std::max(epoch, log.epoch + 1);
  shop.begin();
  for (const auto& log : logs) {
    if (planted(Defect::restore_keeps_epoch)) break;
    db->execute("UPDATE " + log.service + "_log_head SET epoch = ?", epoch);
    db->execute("INSERT INTO host_log_epochs VALUES(?, ?, ?)", log.service, epoch, log.position);
  }
  shop.commit();
  return epoch;
}

}  // namespace stoa
