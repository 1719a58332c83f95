#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernel/base/result.hpp"
#include "main/client.hpp"

namespace stoa {

struct BackupOptions {
  std::string folder;
  std::string data;  ///< the shop's folder, running or not; empty: ask `shop` for a copy
  ShopClientOptions shop;
  std::string keys;  ///< folder of the keys; empty: `keys` of the backup
  bool full = false;
  bool verify_whole = true;
  std::int64_t keep = 0;
};

/// `stoa backup DIR`: adds a cut to the folder and says what it is; 0, or 1 with a sentence on
/// standard error and nothing changed.
int back_up(const BackupOptions& options);

struct RestoreOptions {
  std::string folder;
  std::string data;  ///< the new shop's folder
  std::string keys;  ///< folder of the keys; empty: `keys` of the backup, when it is there
  std::optional<std::int64_t> cut;  ///< its number; nothing: the newest
  bool json = false;
};

/// `stoa restore DIR --data NEW`: makes a shop of a backup, with a new epoch of every log.
int restore_backup(const RestoreOptions& options);

}  // namespace stoa
