#include "platform/sqlite/gathering_vfs.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "kernel/base/assert.hpp"

namespace stoa::sqlite {
namespace {

constexpr std::size_t gathered_bytes_max = std::size_t{1} << 20;
/// The unix VFS takes the length modulo 128 kB, and calls a rest of nothing a full disk.
constexpr std::size_t piece_bytes_max = std::size_t{64} << 10;

/// What SQLite holds of an open WAL. The file of the default VFS follows in the same memory.
struct GatheringFile {
  sqlite3_file base;  // first: SQLite knows nothing but this
  sqlite3_file* real;
  std::string* gathered;
  sqlite3_int64 begins_at;  ///< where the gathered bytes belong
};

constexpr std::size_t real_at = (sizeof(GatheringFile) + alignof(std::max_align_t) - 1) /
                                alignof(std::max_align_t) * alignof(std::max_align_t);

GatheringFile& of(sqlite3_file* file) { return *reinterpret_cast<GatheringFile*>(file); }

int put_down(GatheringFile& file) {
  int code = SQLITE_OK;
  auto rest = std::string_view(*file.gathered);
  for (auto at = file.begins_at; code == SQLITE_OK && !rest.empty();) {
    const auto piece = rest.substr(0, piece_bytes_max);
    code = file.real->pMethods->xWrite(file.real, piece.data(), static_cast<int>(piece.size()), at);
    at += static_cast<sqlite3_int64>(piece.size());
    rest.remove_prefix(piece.size());
  }
  file.gathered->clear();
  return code;
}

int close(sqlite3_file* base) {
  auto& file = of(base);
  const int put = put_down(file);
  delete file.gathered;
  const int closed = file.real->pMethods->xClose(file.real);
  return put != SQLITE_OK ? put : closed;
}

int read(sqlite3_file* base, void* to, int count, sqlite3_int64 at) {
  auto& file = of(base);
  const int code = put_down(file);
  return code != SQLITE_OK ? code : file.real->pMethods->xRead(file.real, to, count, at);
}

int write(sqlite3_file* base, const void* from, int count, sqlite3_int64 at) {
  auto& file = of(base);
  const auto end = file.begins_at + static_cast<sqlite3_int64>(file.gathered->size());
  if (at != end || file.gathered->size() >= gathered_bytes_max) {
    if (const int code = put_down(file); code != SQLITE_OK) return code;
    file.begins_at = at;
  }
  try {
    file.gathered->append(static_cast<const char*>(from), static_cast<std::size_t>(count));
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
  return SQLITE_OK;
}

int truncate(sqlite3_file* base, sqlite3_int64 size) {
  auto& file = of(base);
  const int code = put_down(file);
  return code != SQLITE_OK ? code : file.real->pMethods->xTruncate(file.real, size);
}

int sync(sqlite3_file* base, int flags) {
  auto& file = of(base);
  const int code = put_down(file);
  return code != SQLITE_OK ? code : file.real->pMethods->xSync(file.real, flags);
}

int file_size(sqlite3_file* base, sqlite3_int64* size) {
  auto& file = of(base);
  const int code = put_down(file);
  return code != SQLITE_OK ? code : file.real->pMethods->xFileSize(file.real, size);
}

int lock(sqlite3_file* base, int level) {
  return of(base).real->pMethods->xLock(of(base).real, level);
}
int unlock(sqlite3_file* base, int level) {
  return of(base).real->pMethods->xUnlock(of(base).real, level);
}
int check_reserved_lock(sqlite3_file* base, int* is_locked) {
  return of(base).real->pMethods->xCheckReservedLock(of(base).real, is_locked);
}
int file_control(sqlite3_file* base, int operation, void* argument) {
  return of(base).real->pMethods->xFileControl(of(base).real, operation, argument);
}
int sector_size(sqlite3_file* base) { return of(base).real->pMethods->xSectorSize(of(base).real); }
int device_characteristics(sqlite3_file* base) {
  return of(base).real->pMethods->xDeviceCharacteristics(of(base).real);
}

/// Version 1: a WAL is neither shared memory nor mapped.
constexpr sqlite3_io_methods methods = [] {
  sqlite3_io_methods all{};
  all.iVersion = 1;
  all.xClose = close;
  all.xRead = read;
  all.xWrite = write;
  all.xTruncate = truncate;
  all.xSync = sync;
  all.xFileSize = file_size;
  all.xLock = lock;
  all.xUnlock = unlock;
  all.xCheckReservedLock = check_reserved_lock;
  all.xFileControl = file_control;
  all.xSectorSize = sector_size;
  all.xDeviceCharacteristics = device_characteristics;
  return all;
}();

sqlite3_vfs* default_vfs() {
  static auto* const found = sqlite3_vfs_find(nullptr);
  STOA_ASSERT(found != nullptr);
  return found;
}

int open(sqlite3_vfs*, const char* name, sqlite3_file* base, int flags, int* flags_out) {
  auto* const vfs = default_vfs();
  if ((flags & SQLITE_OPEN_WAL) == 0) return vfs->xOpen(vfs, name, base, flags, flags_out);
  base->pMethods = nullptr;
  std::unique_ptr<std::string> gathered(new (std::nothrow) std::string());
  if (!gathered) return SQLITE_NOMEM;
  auto* const real = reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(base) + real_at);
  real->pMethods = nullptr;
  const int code = vfs->xOpen(vfs, name, real, flags, flags_out);
  if (code != SQLITE_OK) {
    if (real->pMethods != nullptr) real->pMethods->xClose(real);
    return code;
  }
  new (base) GatheringFile{{&methods}, real, gathered.release(), 0};
  return SQLITE_OK;
}

}  // namespace

const char* gathering_vfs() {
  static sqlite3_vfs gathering = [] {
    sqlite3_vfs own = *default_vfs();
    own.zName = "stoa-gathering";
    own.szOsFile += static_cast<int>(real_at);
    own.pNext = nullptr;
    own.xOpen = open;
    return own;
  }();
  static const int code = sqlite3_vfs_register(&gathering, 0);
  STOA_ASSERT(code == SQLITE_OK);
  return gathering.zName;
}

}  // namespace stoa::sqlite
