#include "main/diagnosis.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "main/backup_cut.hpp"

namespace stoa {
namespace {

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;
constexpr std::int64_t free_failure_mib = 256;
constexpr std::chrono::seconds clock_behind_max{2};

std::int64_t size_of(const std::string& file) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(file, error);
  return error ? 0 : static_cast<std::int64_t>(bytes);
}

bool has_table(sql::Connection& db, std::string_view name) {
  return db
      .one(
          "SELECT 1 FROM pragma_table_list WHERE type = 'table' AND name = ?",
          [](const sql::Row&) { return true; }, name)
      .has_value();
}

std::string seconds_text(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

void check_configuration(const Patient& patient, Diagnosis& to) {
  const auto& address = patient.configuration.text("Http:Address");
  const bool is_local = address.starts_with("127.") || address == "::1" || address == "localhost";
  if (!is_local && patient.configuration.integer("RateLimits:RequestsPerSecond") == 0)
    return to.add({"configuration", Health::warning,
                   "The shop listens on " + address + " and holds no client to a rate.",
                   "Set RateLimits:RequestsPerSecond, or let a proxy limit the clients and set "
                   "Http:Address to 127.0.0.1."});
  to.add({"configuration", Health::good, "The configuration is good.", ""});
}

void check_permissions(const Patient& patient, Diagnosis& to) {
  for (const auto* name : {"", "shop.db", "simulator.db", "keys"}) {
    const auto path = patient.folder + "/" + name;
    struct stat status{};
    // A file in a folder that nobody else may enter is safe whatever its own mode.
    if (::stat(path.c_str(), &status) != 0 || (status.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
      if (*name == '\0') break;
      continue;
    }
    return to.add({"permissions", Health::warning,
                   "Others on this machine may read " + path + ", where keys and orders are.",
                   "Run: chmod -R go= " + patient.folder});
  }
  to.add({"permissions", Health::good, "Only the shop's own user may read its files.", ""});
}

void check_disk(const Patient& patient, Diagnosis& to) {
  struct statvfs disk{};
  if (::statvfs(patient.folder.c_str(), &disk) != 0)
    return to.add(
        {"disk", Health::failure,
         "The disk of " + patient.folder + " cannot be asked: " + std::strerror(errno) + ".",
         "Look whether it is mounted."});
  const auto free_mib = static_cast<std::int64_t>(disk.f_bavail) *
                        static_cast<std::int64_t>(disk.f_frsize) / mebibyte;
  const auto shop_mib = size_of(patient.folder + "/shop.db") / mebibyte;
  const auto says = std::to_string(free_mib) + " MiB are free on the shop's disk; the shop has " +
                    std::to_string(shop_mib) + " MiB.";
  const std::string advice =
      "Free room or give the disk more: when it is full no order can be taken.";
  if (free_mib < free_failure_mib) return to.add({"disk", Health::failure, says, advice});
  if (free_mib < patient.configuration.integer("Doctor:DiskFreeMiB"))
    return to.add({"disk", Health::warning, says, advice});
  to.add({"disk", Health::good, says, ""});
}

void check_wal(const Patient& patient, Diagnosis& to) {
  const auto mib = size_of(patient.folder + "/shop.db-wal") / mebibyte;
  const auto says = "The write-ahead log of shop.db has " + std::to_string(mib) + " MiB.";
  if (mib < patient.configuration.integer("Doctor:WalMiB"))
    return to.add({"wal", Health::good, says, ""});
  to.add({"wal", Health::warning, says,
          "Something reads the file and does not end, perhaps a backup or an SQLite shell: end it. "
          "The log then shrinks by itself, or when the shop is started again."});
}

void check_logs(const Patient& patient, Diagnosis& to) {
  std::optional<Timestamp> newest;
  std::int64_t events = 0;
  for (const auto& log : logs_of(patient.shop)) {
    const auto table = log.service + "_log";
    patient.shop.query(
        "SELECT position, recorded_at, hash FROM " + table + " ORDER BY position DESC LIMIT 1",
        [&](const sql::Row& row) {
          const auto at = from_rfc3339(row.text(1));
          if (at && (!newest || *at > *newest)) newest = at;
          events += row.integer(0);
        });
    const auto end = patient.shop.one(
        "SELECT 1 FROM " + table + " WHERE position = ? AND hash = ?",
        [](const sql::Row&) { return true; }, log.position, log.head_hash);
    if (log.position > 0 && !end)
      to.add({"log", Health::failure,
              "The log of " + log.service + " lacks its newest events: it should end at position " +
                  std::to_string(log.position) + ".",
              "Stop the shop, run `stoa audit --data " + patient.folder +
                  "`, and restore the newest backup."});
  }
  to.add({"log", Health::good, "The logs hold " + std::to_string(events) + " events.", ""});
  if (newest && *newest > patient.now + clock_behind_max)
    return to.add({"clock", Health::failure,
                   "The clock is " + seconds_text(*newest - patient.now) +
                       " behind the newest event: it was set back, or ran ahead before.",
                   "Set it by NTP (timedatectl set-ntp true). Deadlines wait until it has caught "
                   "up."});
  to.add({"clock", Health::good, "The clock is not behind the newest event.", ""});
}

void check_projections(const Patient& patient, Diagnosis& to) {
  const auto lag_max = patient.configuration.integer("Doctor:ProjectionLag");
  bool is_good = true;
  for (const auto& log : logs_of(patient.shop)) {
    // The ledger's file stands beside the shop's, and its tables are found in both the same way.
    const auto table = log.service + "_ledger_checkpoint";
    if (!has_table(patient.shop, table)) continue;
    patient.shop.query("SELECT name, position FROM " + table, [&](const sql::Row& row) {
      const auto lag = log.position - row.integer(1);
      if (lag <= lag_max) return;
      is_good = false;
      to.add({"projections", Health::warning,
              "The projection " + std::string(row.text(0)) + " of " + log.service + " is " +
                  std::to_string(lag) + " events behind its log.",
              "It catches up by itself. When the number grows from day to day, the shop has too "
              "much to do for this machine."});
    });
  }
  if (is_good) to.add({"projections", Health::good, "The projections are up with their logs.", ""});
}

/// Rows that somebody must look after.
struct Waiting {
  std::string_view check, table, rows;
  std::string_view one, many;  ///< follow the number
  std::string_view advice;
  Health health = Health::failure;
};

// A provider's call that was repeated three times has been without an answer for seconds.
constexpr Waiting waiting[] = {
    {"processes", "ordering_orders", "process_status = 'parked'", " order's process is parked.",
     " orders' processes are parked.",
     "Look at GET /v1/processes?status=parked, end the cause, and POST "
     "/v1/processes/{order}/retry."},
    {"provider", "payment_work", "parked = 1", " call to the payment provider was given up.",
     " calls to the payment provider were given up.",
     "Look at the orders under GET /v1/processes?status=parked; retry them when the provider "
     "answers."},
    {"provider", "payment_work", "parked = 0 AND tries >= 3",
     " call to the payment provider has had no answer for some time.",
     " calls to the payment provider have had no answer for some time.",
     "See whether the provider has an outage, and whether this machine reaches it. The calls are "
     "repeated by themselves, and no order is lost.",
     Health::warning},
    {"dead_letters", "notification_messages", "status = 'dead_letter'",
     " message could not be delivered and was given up.",
     " messages could not be delivered and were given up.",
     "Look at GET /v1/notifications?status=dead_letter, end the cause, and POST "
     "/v1/notifications/{id}/replay.",
     Health::warning},
};

void check_waiting(const Patient& patient, Diagnosis& to) {
  std::vector<std::string_view> seen;
  for (const auto& one : waiting) {
    if (!has_table(patient.shop, one.table)) continue;
    seen.push_back(one.check);
    const auto count = patient.shop.one(
        "SELECT count(*) FROM " + std::string(one.table) + " WHERE " + std::string(one.rows),
        [](const sql::Row& row) { return row.integer(0); });
    if (count == 0) continue;
    to.add({std::string(one.check), one.health,
            std::to_string(*count) + std::string(*count == 1 ? one.one : one.many),
            std::string(one.advice)});
  }
  for (const auto check : seen)
    if (std::ranges::find(to.findings, check, &Finding::check) == to.findings.end())
      to.add({std::string(check), Health::good, "Nothing waits for a person.", ""});
}

}  // namespace

void Diagnosis::add(Finding finding) {
  health = std::max(health, finding.health);
  findings.push_back(std::move(finding));
}

const std::vector<Check>& checks_of_folder() {
  static const std::vector<Check> checks{check_configuration, check_permissions, check_disk,
                                         check_wal,           check_logs,        check_projections,
                                         check_waiting};
  return checks;
}

Finding unreadable(const sql::Failure& failure) {
  return {"database", Health::failure,
          std::string("The shop's file cannot be read: ") + failure.what() + ".",
          "Stop the shop and restore the newest backup into a new folder."};
}

Diagnosis diagnose(const Patient& patient, const std::vector<Check>& checks) {
  Diagnosis diagnosis;
  diagnosis.time = patient.now;
  diagnosis.version = STOA_VERSION;
  for (const auto& check : checks) {
    try {
      check(patient, diagnosis);
    } catch (const sql::Failure& failure) {
      diagnosis.add(unreadable(failure));
    }
  }
  return diagnosis;
}

}  // namespace stoa
