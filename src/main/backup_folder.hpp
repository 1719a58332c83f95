#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/result.hpp"
#include "kernel/json/codec.hpp"
#include "main/backup_cut.hpp"

namespace stoa {

/// A file of a backup and what it must hold.
struct BackupFile {
  static constexpr std::string_view schema_name = "BackupFile";
  std::string name;
  std::int64_t bytes = 0;
  std::string sha256;
  static constexpr auto fields() {
    using namespace json;
    using F = BackupFile;
    return std::tuple{field("name", &F::name), field("bytes", &F::bytes),
                      field("sha256", &F::sha256)};
  }
};

/// A file as it is now.
BackupFile describe_file(const std::filesystem::path& path, const Crypto& crypto);

/// A base holds the files of a cut whole, a segment what changed since the cut before it: the new
/// pages of the logs and the pages of state that were written.
BOOST_DEFINE_ENUM_CLASS(BackupKind, base, segment)

/// `manifest.json` of one cut.
struct BackupManifest {
  std::int64_t format = 1;
  std::int64_t number = 0;  ///< from 1, rising
  BackupKind kind = BackupKind::base;
  std::int64_t previous = 0;  ///< the cut that a segment stands on; 0 for a base
  Timestamp made_at;
  std::string version;              ///< of the program
  std::vector<LogCut> logs;         ///< where the cut goes through them
  std::vector<BackupFile> files;    ///< beside the manifest
  std::vector<BackupFile> whole;    ///< what `shop.db` and `simulator.db` of the cut are
  std::vector<BackupFile> digests;  ///< of their blocks; needed for the next segment only
  static constexpr auto fields() {
    using namespace json;
    using M = BackupManifest;
    return std::tuple{field("format", &M::format),   field("number", &M::number),
                      field("kind", &M::kind),       field("previous", &M::previous),
                      field("made_at", &M::made_at), field("version", &M::version),
                      field("logs", &M::logs),       field("files", &M::files),
                      field("whole", &M::whole),     field("digests", &M::digests)};
  }
};

struct AddCutOptions {
  bool full = false;                ///< a base even if a segment would do
  bool verify_whole = true;         ///< restore the cut aside and judge it before it counts
  std::int64_t keep = 0;            ///< bases, the newest; 0: all
  std::filesystem::path keys = {};  ///< folder of the keys; empty: `keys` of the backup
};

/// A folder of backups of one shop:
///
///     base-000001/      shop.db, simulator.db, manifest.json
///     segments/000002/  shop.db.changes, simulator.db.changes, manifest.json
///     keys/             keys-000002-<sha256>.db: the keys of the newest cut, for all of them
///     .making/          a cut that is not done; the next run removes it
///
/// A cut is made in `.making` and gets its name last, so a crash leaves all of it or nothing. One
/// process at a time may write. What the operating system refuses is thrown.
class BackupFolder {
 public:
  /// Makes the folder (0700) when it is missing, and takes its lock; `already_running` (conflict).
  static Result<BackupFolder> open_to_write(const std::filesystem::path& path,
                                            const Crypto& crypto);
  static Result<BackupFolder> open_to_read(const std::filesystem::path& path, const Crypto& crypto);
  BackupFolder(BackupFolder&& other) noexcept;
  BackupFolder(const BackupFolder&) = delete;
  BackupFolder& operator=(const BackupFolder&) = delete;
  BackupFolder& operator=(BackupFolder&&) = delete;
  ~BackupFolder();

  /// An empty folder for `stage_cut`, on the same file system as the backup.
  std::filesystem::path make_staging();

  /// Takes a staged cut in, verified. `other_shop` (conflict) when the folder is another shop's,
  /// `damaged_backup` (invalid) when what was written cannot be restored.
  Result<BackupManifest> add(const std::filesystem::path& staging, const AddCutOptions& options,
                             Timestamp now);

  [[nodiscard]] const std::vector<BackupManifest>& cuts() const { return cuts_; }
  /// What a person should know: damaged manifests, a base that had to begin anew.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  /// The cut with this number, or the newest; `no_backup` (not_found).
  [[nodiscard]] Result<BackupManifest> find(std::optional<std::int64_t> number) const;

  /// Whether all files that a cut stands on are what they were; `damaged_backup` (invalid) names
  /// the one that is missing or changed.
  [[nodiscard]] Result<void> check(const BackupManifest& cut) const;
  /// Puts `shop.db` and `simulator.db` of a cut into a folder; `damaged_backup` as above.
  Result<void> restore(const BackupManifest& cut, const std::filesystem::path& into) const;

  /// The newest file of keys in a folder of keys; nothing when there is none. `damaged_backup` when
  /// it is not what it was.
  static Result<std::optional<std::filesystem::path>> find_keys(const std::filesystem::path& folder,
                                                                const Crypto& crypto);

  [[nodiscard]] std::filesystem::path keys_folder() const { return path_ / "keys"; }

 private:
  BackupFolder(std::filesystem::path path, int lock, const Crypto& crypto);
  void read_cuts();
  [[nodiscard]] std::filesystem::path folder_of(const BackupManifest& cut) const;
  [[nodiscard]] Result<std::vector<BackupManifest>> chain_of(const BackupManifest& cut) const;
  [[nodiscard]] Result<const BackupManifest*> cut_to_stand_on(const std::vector<LogCut>& logs,
                                                              sql::Connection& shop) const;
  [[nodiscard]] bool are_segments_small(const BackupManifest& tip) const;
  [[nodiscard]] std::optional<std::string> digests_of(const BackupManifest& cut,
                                                      std::string_view name) const;
  Result<void> write_files(BackupManifest& cut, const std::filesystem::path& staging,
                           const BackupManifest* before);
  Result<void> verify(const BackupManifest& cut, const std::filesystem::path& staging);
  [[nodiscard]] Result<void> check_files(const std::vector<BackupManifest>& chain,
                                         const std::filesystem::path& newest) const;
  Result<void> restore_files(const std::vector<BackupManifest>& chain,
                             const std::filesystem::path& newest,
                             const std::filesystem::path& into) const;
  void keep_keys(const std::filesystem::path& staging, const std::filesystem::path& folder);
  void publish(const BackupManifest& cut, const std::filesystem::path& staging);
  void forget_before(std::int64_t bases);

  std::filesystem::path path_;
  int lock_ = -1;
  const Crypto& crypto_;
  std::vector<BackupManifest> cuts_;  // by number
  std::int64_t last_number_ = 0;      // also of folders whose manifest cannot be read
  std::vector<std::string> warnings_;
};

}  // namespace stoa
