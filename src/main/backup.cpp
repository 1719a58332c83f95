#include "main/backup.hpp"

#include <filesystem>
#include <iostream>
#include <vector>

#include "kernel/json/codec.hpp"
#include "main/backup_client.hpp"
#include "main/backup_cut.hpp"
#include "main/backup_files.hpp"
#include "main/backup_folder.hpp"
#include "main/data_folder.hpp"
#include "main/log_epochs.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

int say(const Error& error) {
  std::cerr << "stoa: " << error.detail << "\n";
  return 1;
}

void warn(const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) std::cerr << "stoa: " << warning << "\n";
}

std::string positions_text(const std::vector<LogCut>& logs) {
  std::string text;
  for (const auto& log : logs)
    text += (text.empty() ? "" : ", ") + log.service + " " + std::to_string(log.position);
  return text;
}

std::string mebibytes(const std::vector<BackupFile>& files) {
  std::int64_t bytes = 0;
  for (const auto& file : files) bytes += file.bytes;
  const auto tenths = bytes * 10 / (1 << 20);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

/// What a restore has made, as `--json` prints it.
struct Restored {
  std::int64_t cut = 0;
  Timestamp made_at;
  std::int64_t epoch = 0;
  bool keys = false;
  std::vector<LogCut> logs;
  static constexpr auto fields() {
    using namespace json;
    using R = Restored;
    return std::tuple{field("cut", &R::cut), field("made_at", &R::made_at),
                      field("epoch", &R::epoch), field("keys", &R::keys), field("logs", &R::logs)};
  }
};

void print_restored(const Restored& restored, const std::string& data, bool json) {
  if (json) {
    std::cout << json::to_json(restored) << std::endl;
    return;
  }
  std::cout << "Restored cut " << restored.cut << " of " << to_rfc3339(restored.made_at) << " into "
            << data << ", epoch " << restored.epoch << ": " << positions_text(restored.logs)
            << ".\nWhat the shop did after that moment is not in it; what its payment provider took"
               " after it is to be looked up there.\n";
  if (!restored.keys)
    std::cout << "Without the keys: personal data cannot be read, access tokens of orders are no"
                 " longer valid, and new API keys are made at the first start.\n";
  std::cout << "Start it with: stoa up --data " << data << std::endl;
}

Result<void> stage(const BackupOptions& options, const fs::path& staging, const Crypto& crypto) {
  if (options.data.empty()) return fetch_cut(options.shop, staging, crypto);
  if (!fs::exists(options.data + "/shop.db"))
    return fail(ErrorKind::not_found, "no_shop",
                "There is no shop in " + options.data + ": name its folder with --data.");
  stage_cut(options.data, staging);
  return {};
}

/// Moves the finished files to their names; the mark of the unfinished restore goes last.
void finish(const DataFolder& folder, const fs::path& making) {
  const fs::path data = making.parent_path();
  std::vector<fs::path> made;
  for (const auto& entry : fs::directory_iterator(making)) made.push_back(entry.path());
  for (const auto& file : made) {
    sync_file(file);
    fs::rename(file, data / file.filename());
  }
  sync_folder(data);
  fs::remove(folder.file(DataFolder::unfinished));
  sync_folder(data);
}

}  // namespace

int back_up(const BackupOptions& options) {
  const auto crypto = openssl::make_crypto();
  auto folder = BackupFolder::open_to_write(options.folder, *crypto);
  if (!folder) return say(folder.error());
  const auto staging = folder->make_staging();
  const auto now = SystemClock().now();
  if (const auto staged = stage(options, staging, *crypto); !staged) return say(staged.error());
  const auto cut =
      folder->add(staging, {options.full, options.verify_whole, options.keep, options.keys}, now);
  warn(folder->warnings());
  if (!cut) return say(cut.error());
  if (options.shop.json) {
    std::cout << json::to_json(*cut) << std::endl;
    return 0;
  }
  std::cout << "Backed up as cut " << cut->number << ", a " << json::name_of(cut->kind) << " of "
            << mebibytes(cut->files) << " (the shop: " << mebibytes(cut->whole)
            << "): " << positions_text(cut->logs) << ".\n"
            << "The keys of personal data are in "
            << (options.keys.empty() ? folder->keys_folder().string() : options.keys)
            << ": keep them apart." << std::endl;
  return 0;
}

int restore_backup(const RestoreOptions& options) {
  const auto crypto = openssl::make_crypto();
  const auto backup = BackupFolder::open_to_read(options.folder, *crypto);
  if (!backup) return say(backup.error());
  warn(backup->warnings());
  const auto cut = backup->find(options.cut);
  if (!cut) return say(cut.error());
  const auto keys = BackupFolder::find_keys(
      options.keys.empty() ? backup->keys_folder() : fs::path(options.keys), *crypto);
  if (!keys) return say(keys.error());
  if (!*keys && !options.keys.empty())
    return say({ErrorKind::not_found, "no_keys", "There are no keys in " + options.keys + "."});
  if (const auto good = backup->check(*cut); !good) return say(good.error());
  auto folder = DataFolder::open_to_restore(options.data);
  if (!folder) return say(folder.error());
  const fs::path making = folder->file(DataFolder::unfinished);
  if (const auto restored = backup->restore(*cut, making); !restored) return say(restored.error());
  if (*keys) put_back_keys(**keys, making);
  Restored restored{cut->number, cut->made_at, 0, keys->has_value(), cut->logs};
  {
    const auto shop =
        sqlite::open((making / cut_files[0]).string(), sqlite::Database::Mode::writer);
    restored.epoch = begin_log_epoch(*shop, SystemClock().now());
  }
  finish(*folder, making);
  print_restored(restored, options.data, options.json);
  return 0;
}

}  // namespace stoa
