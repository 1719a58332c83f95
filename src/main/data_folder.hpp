#pragma once

#include <string>

#include "kernel/base/crypto.hpp"
#include "kernel/base/result.hpp"
#include "kernel/sql/connection.hpp"
#include "main/configuration.hpp"

namespace stoa {

/// The folder that is a shop: `shop.db`, `simulator.db`, `keys`, `lock`. At most one process has
/// it.
class DataFolder {
 public:
  /// Makes the folder (0700) when it is missing and takes its lock; `already_running` (conflict)
  /// when another process holds it, `half_restored` (conflict) when a restore into it broke off.
  static Result<DataFolder> open(const std::string& path);
  /// A folder with nothing but the mark of an unfinished restore in it, the empty folder
  /// `unfinished`; who is done removes the mark. `folder_not_empty` (conflict) when there is more
  /// than what a restore that broke off left.
  static Result<DataFolder> open_to_restore(const std::string& path);
  static constexpr std::string_view unfinished = ".restoring";
  /// Whether a process holds the lock now.
  static bool is_in_use(const std::string& path);
  DataFolder(DataFolder&& other) noexcept;
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  DataFolder& operator=(DataFolder&&) = delete;
  ~DataFolder();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const;
  /// The lock lasts as long as a process has this descriptor, or a copy of it.
  [[nodiscard]] int descriptor() const { return lock_; }

 private:
  static Result<DataFolder> lock(const std::string& path);
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

/// The two keys of the shop's API in the clear, on the way to their hashes.
struct ApiKeys {
  std::string secret;
  std::string publishable;
  bool made = false;  ///< just now, into the file
};

/// From the configuration, else from the 0600 file `keys` of the folder, which is made with random
/// keys when it is missing.
Result<ApiKeys> api_keys(const std::string& folder, const Configuration& configuration,
                         const Crypto& crypto);

/// From the configuration or the file alone; nothing is made.
Result<ApiKeys> existing_api_keys(const std::string& folder, const Configuration& configuration);

}  // namespace stoa
