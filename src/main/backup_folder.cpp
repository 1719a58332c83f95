#include "main/backup_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "kernel/base/files.hpp"
#include "main/backup_files.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view base_prefix = "base-";
constexpr std::string_view manifest_name = "manifest.json";
constexpr std::string_view keys_prefix = "keys-";

std::string digits_of(std::int64_t number) {
  auto text = std::to_string(number);
  return std::string(6 - std::min<std::size_t>(text.size(), 6), '0') + text;
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

std::unexpected<Error> damaged(const fs::path& file, std::string_view what) {
  return fail(ErrorKind::invalid, "damaged_backup",
              "The backup cannot be used: " + file.string() + " " + std::string(what) + ".");
}

Result<void> check_file(const fs::path& folder, const BackupFile& file, const Crypto& crypto) {
  const auto path = folder / file.name;
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return damaged(path, "is missing");
  if (static_cast<std::int64_t>(bytes) != file.bytes) return damaged(path, "has another size");
  if (sha256_of(path, crypto) != file.sha256) return damaged(path, "has been changed");
  return {};
}

/// The folders of cuts that there are, with their numbers, whether their manifests are good or not.
std::vector<std::pair<std::int64_t, fs::path>> cut_folders(const fs::path& root) {
  std::vector<std::pair<std::int64_t, fs::path>> folders;
  const auto look = [&](const fs::path& in, std::string_view prefix) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(in, error)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(prefix)) continue;
      if (const auto number = number_of(std::string_view(name).substr(prefix.size())))
        folders.emplace_back(*number, entry.path());
    }
  };
  look(root, base_prefix);
  look(root / "segments", "");
  std::ranges::sort(folders);
  return folders;
}

bool is_same_shop(const std::vector<LogCut>& a, const std::vector<LogCut>& b) {
  return std::ranges::none_of(a, [&](const LogCut& log) {
    const auto other = std::ranges::find(b, log.service, &LogCut::service);
    return other != b.end() && !log.first_hash.empty() && !other->first_hash.empty() &&
           log.first_hash != other->first_hash;
  });
}

/// Whether the shop's logs go on from where a cut went through them.
bool goes_on(const std::vector<LogCut>& cut, const std::vector<LogCut>& now,
             sql::Connection& shop) {
  return std::ranges::all_of(cut, [&](const LogCut& log) {
    const auto at = std::ranges::find(now, log.service, &LogCut::service);
    if (at == now.end() || at->epoch != log.epoch || at->position < log.position) return false;
    if (log.position == 0) return true;
    const auto hash = shop.one(
        "SELECT hash FROM " + log.service + "_log WHERE position = ?",
        [](const sql::Row& row) { return std::string(row.text(0)); }, log.position);
    return hash == log.head_hash;
  });
}

std::int64_t bytes_of(const std::vector<BackupFile>& files) {
  std::int64_t bytes = 0;
  for (const auto& file : files) bytes += file.bytes;
  return bytes;
}

std::string changes_of(std::string_view name) { return std::string(name) + ".changes"; }
std::string digests_name_of(std::string_view name) { return std::string(name) + ".digests"; }

}  // namespace

BackupFile describe_file(const fs::path& path, const Crypto& crypto) {
  return {path.filename().string(), static_cast<std::int64_t>(fs::file_size(path)),
          sha256_of(path, crypto)};
}

BackupFolder::BackupFolder(fs::path path, int lock, const Crypto& crypto)
    : path_(std::move(path)), lock_(lock), crypto_(crypto) {
  read_cuts();
}
BackupFolder::BackupFolder(BackupFolder&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      crypto_(other.crypto_),
      cuts_(std::move(other.cuts_)),
      last_number_(other.last_number_),
      warnings_(std::move(other.warnings_)) {}
BackupFolder::~BackupFolder() {
  if (lock_ < 0) return;
  std::error_code ignored;
  fs::remove_all(path_ / ".making", ignored);  // of a cut that was refused: it has keys in it
  ::close(lock_);
}

Result<BackupFolder> BackupFolder::open_to_write(const fs::path& path, const Crypto& crypto) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    return fail(ErrorKind::invalid, "unusable_folder",
                "Cannot make the folder " + path.string() + ": " + error.message() + ".");
  ::chmod(path.c_str(), S_IRWXU);
  const auto name = path / "lock";
  const int lock = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock < 0)
    return fail(ErrorKind::invalid, "unusable_folder",
                "Cannot use " + name.string() + ": " + std::strerror(errno) + ".");
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return fail(ErrorKind::conflict, "already_running",
                "Another backup into " + path.string() + " is running.");
  }
  fs::remove_all(path / ".making");
  return BackupFolder(path, lock, crypto);
}

Result<BackupFolder> BackupFolder::open_to_read(const fs::path& path, const Crypto& crypto) {
  if (!fs::is_directory(path))
    return fail(ErrorKind::not_found, "no_backup", "There is no folder " + path.string() + ".");
  return BackupFolder(path, -1, crypto);
}

void BackupFolder::read_cuts() {
  for (const auto& [number, folder] : cut_folders(path_)) {
    last_number_ = std::max(last_number_, number);
    auto cut = json::read_stored<BackupManifest>(
        read_file((folder / manifest_name).string()).value_or(""));
    if (cut && cut->number == number && cut->format == 1) {
      cuts_.push_back(std::move(*cut));
    } else {
      warnings_.push_back((folder / manifest_name).string() +
                          " is damaged: the cut is passed over.");
    }
  }
}

fs::path BackupFolder::make_staging() {
  const auto staging = path_ / ".making" / "staged";
  fs::create_directories(staging);
  return staging;
}

fs::path BackupFolder::folder_of(const BackupManifest& cut) const {
  return cut.kind == BackupKind::base ? path_ / (std::string(base_prefix) + digits_of(cut.number))
                                      : path_ / "segments" / digits_of(cut.number);
}

Result<BackupManifest> BackupFolder::find(std::optional<std::int64_t> number) const {
  if (!number && !cuts_.empty()) return cuts_.back();
  const auto at = std::ranges::find(cuts_, number.value_or(0), &BackupManifest::number);
  if (at != cuts_.end()) return *at;
  return fail(ErrorKind::not_found, "no_backup",
              "There is no whole backup " + (number ? std::to_string(*number) + " " : "") + "in " +
                  path_.string() + ".");
}

Result<std::vector<BackupManifest>> BackupFolder::chain_of(const BackupManifest& cut) const {
  std::vector<BackupManifest> chain{cut};
  while (chain.back().kind == BackupKind::segment) {
    const auto previous = chain.back().previous;
    const auto at = std::ranges::find(cuts_, previous, &BackupManifest::number);
    if (at == cuts_.end() || at->number >= chain.back().number)
      return fail(ErrorKind::invalid, "damaged_backup",
                  "The cut " + std::to_string(cut.number) + " cannot be used: the cut " +
                      std::to_string(previous) + ", on which it stands, is missing or damaged.");
    chain.push_back(*at);
  }
  std::ranges::reverse(chain);
  return chain;
}

std::optional<std::string> BackupFolder::digests_of(const BackupManifest& cut,
                                                    std::string_view name) const {
  const auto at = std::ranges::find(cut.digests, digests_name_of(name), &BackupFile::name);
  if (at == cut.digests.end() || !check_file(folder_of(cut), *at, crypto_)) return std::nullopt;
  return read_file((folder_of(cut) / at->name).string());
}

bool BackupFolder::are_segments_small(const BackupManifest& tip) const {
  const auto chain = chain_of(tip);
  if (!chain) return false;
  std::int64_t segments = 0;
  for (std::size_t at = 1; at < chain->size(); ++at) segments += bytes_of((*chain)[at].files);
  return segments <= bytes_of(tip.whole);
}

Result<const BackupManifest*> BackupFolder::cut_to_stand_on(const std::vector<LogCut>& logs,
                                                            sql::Connection& shop) const {
  if (cuts_.empty()) return nullptr;
  const auto& tip = cuts_.back();
  if (!is_same_shop(tip.logs, logs))
    return fail(ErrorKind::conflict, "other_shop",
                path_.string() +
                    " holds backups of another shop: give this one a folder of its "
                    "own.");
  const bool has_digests = std::ranges::all_of(
      cut_files, [&](std::string_view name) { return digests_of(tip, name).has_value(); });
  const bool fits = has_digests && goes_on(tip.logs, logs, shop) && are_segments_small(tip);
  return fits ? &tip : nullptr;
}

Result<void> BackupFolder::write_files(BackupManifest& cut, const fs::path& staging,
                                       const BackupManifest* before) {
  const auto folder = path_ / ".making" / "cut";
  fs::remove_all(folder);
  fs::create_directories(folder);
  cut.kind = before == nullptr ? BackupKind::base : BackupKind::segment;
  cut.previous = before == nullptr ? 0 : before->number;
  cut.files.clear();
  cut.whole.clear();
  cut.digests.clear();
  for (const auto name : cut_files) {
    const auto staged = staging / name;
    cut.whole.push_back(describe_file(staged, crypto_));
    std::string digests;
    {
      const MappedFile mapped(staged);
      digests = block_digests(mapped.text(), crypto_);
      if (before != nullptr)
        write_changes(mapped.text(), digests, digests_of(*before, name).value_or(""),
                      folder / changes_of(name));
    }
    if (before == nullptr) {
      fs::rename(staged, folder / name);
      cut.files.push_back(cut.whole.back());
    } else {
      cut.files.push_back(describe_file(folder / changes_of(name), crypto_));
    }
    NewFile file(folder / digests_name_of(name));
    file.write(digests);
    file.sync();
    cut.digests.push_back(describe_file(folder / digests_name_of(name), crypto_));
  }
  return {};
}

Result<void> BackupFolder::check_files(const std::vector<BackupManifest>& chain,
                                       const fs::path& newest) const {
  for (const auto& cut : chain) {
    const auto folder = &cut == &chain.back() ? newest : folder_of(cut);
    for (const auto& file : cut.files)
      if (auto good = check_file(folder, file, crypto_); !good) return good;
  }
  return {};
}

Result<void> BackupFolder::restore_files(const std::vector<BackupManifest>& chain,
                                         const fs::path& newest, const fs::path& into) const {
  const auto place = [&](const BackupManifest& cut) {
    return &cut == &chain.back() ? newest : folder_of(cut);
  };
  fs::create_directories(into);
  for (const auto& whole : chain.back().whole) {
    const auto target = into / whole.name;
    copy_gently(place(chain.front()) / whole.name, target);
    for (std::size_t at = 1; at < chain.size(); ++at) {
      const auto size = std::ranges::find(chain[at].whole, whole.name, &BackupFile::name);
      if (size == chain[at].whole.end()) return damaged(place(chain[at]) / manifest_name, "is odd");
      const auto changes = place(chain[at]) / changes_of(whole.name);
      if (auto good = apply_changes(changes, target, size->bytes); !good) return good;
    }
    sync_file(target);
    if (auto good = check_file(into, whole, crypto_); !good) return good;
  }
  return {};
}

Result<void> BackupFolder::check(const BackupManifest& cut) const {
  const auto chain = chain_of(cut);
  if (!chain) return fail(chain.error());
  return check_files(*chain, folder_of(cut));
}

Result<void> BackupFolder::restore(const BackupManifest& cut, const fs::path& into) const {
  const auto chain = chain_of(cut);
  if (!chain) return fail(chain.error());
  return restore_files(*chain, folder_of(cut), into);
}

Result<void> BackupFolder::verify(const BackupManifest& cut, const fs::path& folder) {
  const auto chain = chain_of(cut);
  if (!chain) return fail(chain.error());
  if (auto good = check_files(*chain, folder); !good) return good;
  const auto aside = path_ / ".making" / "check";
  fs::remove_all(aside);
  auto restored = restore_files(*chain, folder, aside);
  if (!restored) return restored;
  const auto faults = faults_of_copy(aside, cut.logs, crypto_);
  fs::remove_all(aside);
  if (faults.empty()) return {};
  std::string detail = "What would be restored is not whole:";
  for (const auto& fault : faults) detail += " " + fault;
  return fail(ErrorKind::invalid, "damaged_backup", std::move(detail));
}

void BackupFolder::keep_keys(const fs::path& staging, const fs::path& folder) {
  fs::create_directories(folder);
  ::chmod(folder.c_str(), S_IRWXU);
  const auto staged = staging / cut_keys_file;
  const auto name =
      std::string(keys_prefix) + digits_of(last_number_) + "-" + sha256_of(staged, crypto_) + ".db";
  copy_gently(staged, folder / "new");
  fs::rename(folder / "new", folder / name);
  sync_folder(folder);
  // Older files may hold keys of people who have been forgotten since.
  std::vector<fs::path> older;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto other = entry.path().filename().string();
    if (other.starts_with(keys_prefix) && other != name) older.push_back(entry.path());
  }
  for (const auto& file : older) fs::remove(file);
}

Result<std::optional<fs::path>> BackupFolder::find_keys(const fs::path& folder,
                                                        const Crypto& crypto) {
  std::optional<fs::path> newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(keys_prefix) || entry.path().extension() != ".db") continue;
    if (!newest || name > newest->filename().string()) newest = entry.path();
  }
  if (!newest) return newest;
  const auto name = newest->stem().string();
  if (name.substr(name.rfind('-') + 1) != sha256_of(*newest, crypto))
    return damaged(*newest, "has been changed");
  return newest;
}

void BackupFolder::publish(const BackupManifest& cut, const fs::path& folder) {
  {
    NewFile manifest(folder / manifest_name);
    manifest.write(json::to_json(cut) + "\n");
    manifest.sync();
  }
  sync_folder(folder);
  const auto place = folder_of(cut);
  fs::create_directories(place.parent_path());
  fs::rename(folder, place);
  sync_folder(place.parent_path());
  sync_folder(path_);
}

Result<BackupManifest> BackupFolder::add(const fs::path& staging, const AddCutOptions& options,
                                         Timestamp now) {
  BackupManifest cut;
  cut.made_at = now;
  cut.version = STOA_VERSION;
  const BackupManifest* before = nullptr;
  {
    const auto shop =
        sqlite::open((staging / cut_files[0]).string(), sqlite::Database::Mode::writer);
    const auto db = shop->handle("");
    cut.logs = logs_of(*db);
    const auto found = cut_to_stand_on(cut.logs, *db);
    if (!found) return fail(found.error());
    if (!options.full) before = *found;
  }
  cut.number = ++last_number_;
  const auto folder = path_ / ".making" / "cut";
  const auto write = [&](const BackupManifest* on) -> Result<void> {
    if (auto written = write_files(cut, staging, on); !written) return written;
    return options.verify_whole ? verify(cut, folder) : Result<void>{};
  };
  auto written = write(before);
  if (!written && before != nullptr) {
    warnings_.push_back(written.error().detail + " So a new base was begun.");
    before = nullptr;
    written = write(before);
  }
  if (!written) return fail(written.error());
  keep_keys(staging, options.keys.empty() ? keys_folder() : options.keys);
  if (!options.keys.empty() && options.keys != keys_folder() && fs::exists(keys_folder()))
    warnings_.push_back(keys_folder().string() +
                        " holds older keys: remove it, the new ones are elsewhere.");
  publish(cut, folder);
  if (!cuts_.empty())
    for (const auto& digests : cuts_.back().digests) {
      std::error_code ignored;
      fs::remove(folder_of(cuts_.back()) / digests.name, ignored);
    }
  cuts_.push_back(cut);
  forget_before(options.keep);
  return cut;
}

void BackupFolder::forget_before(std::int64_t bases) {
  if (bases <= 0) return;
  std::int64_t oldest = 0;
  for (auto at = cuts_.rbegin(); at != cuts_.rend() && bases > 0; ++at)
    if (at->kind == BackupKind::base) {
      oldest = at->number;
      --bases;
    }
  if (bases > 0) return;
  for (const auto& [number, folder] : cut_folders(path_))
    if (number < oldest) fs::remove_all(folder);
  std::erase_if(cuts_, [&](const BackupManifest& cut) { return cut.number < oldest; });
}

}  // namespace stoa
