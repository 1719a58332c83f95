#include "simulation/disk.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "kernel/base/assert.hpp"

namespace stoa::simulation {

struct Disk::Shared {
  DiskFile file;
  std::vector<std::unique_ptr<std::array<std::uint8_t, 32'768>>> index;  ///< of its WAL
  std::array<int, SQLITE_SHM_NLOCK> locks{};                             ///< -1: exclusive
  int opened = 0;
};

void DiskFile::write(std::size_t offset, const std::uint8_t* data, std::size_t size) {
  Change change{offset, {}, Bytes(data, data + size)};
  const auto end = std::min(bytes_.size(), offset + size);
  if (offset < end)
    change.before.assign(bytes_.begin() + static_cast<std::ptrdiff_t>(offset),
                         bytes_.begin() + static_cast<std::ptrdiff_t>(end));
  unsynced_.push_back(std::move(change));
  if (bytes_.size() < offset + size) bytes_.resize(offset + size);
  std::memcpy(bytes_.data() + offset, data, size);
}

void DiskFile::truncate(std::size_t size) {
  if (size >= bytes_.size()) return;
  unsynced_.push_back(
      {size, Bytes(bytes_.begin() + static_cast<std::ptrdiff_t>(size), bytes_.end()), {}});
  bytes_.resize(size);
}

Bytes DiskFile::after_power_loss(Random& random) const {
  auto found = bytes_;
  for (auto change = unsynced_.rbegin(); change != unsynced_.rend(); ++change) {
    const auto end = change->offset + change->before.size();
    const bool has_grown = change->before.size() < change->after.size();
    if (found.size() < end || has_grown) found.resize(end);
    std::copy(change->before.begin(), change->before.end(),
              found.begin() + static_cast<std::ptrdiff_t>(change->offset));
  }
  const auto last = unsynced_.empty() ? 0 : unsynced_.size() - 1;
  for (std::size_t at = 0; at < unsynced_.size(); ++at) {
    const auto& change = unsynced_[at];
    if (random.chance(50)) continue;
    if (change.after.empty()) {
      if (found.size() > change.offset) found.resize(change.offset);
      continue;
    }
    auto size = change.after.size();
    constexpr std::size_t sector = 512;
    if (at == last && size > sector && random.chance(50))
      size = sector * static_cast<std::size_t>(
                          random.between(1, static_cast<std::int64_t>((size - 1) / sector)));
    if (found.size() < change.offset + size) found.resize(change.offset + size);
    std::copy_n(change.after.begin(), size,
                found.begin() + static_cast<std::ptrdiff_t>(change.offset));
  }
  return found;
}

namespace {

Disk* mounted = nullptr;

struct OpenFile {
  sqlite3_file base;
  Disk::Shared* shared;
  std::shared_ptr<Disk::Shared>* owner;
  std::array<int, SQLITE_SHM_NLOCK>* held;  ///< by this connection: 1 shared, 2 exclusive
};

OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

int close_file(sqlite3_file* file) {
  auto& open = of(file);
  delete open.owner;
  delete open.held;
  return SQLITE_OK;
}
int read_file(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  const auto& bytes = of(file).shared->file.bytes();
  const auto size = static_cast<std::size_t>(amount);
  const auto from = std::min(bytes.size(), static_cast<std::size_t>(offset));
  const auto there = std::min(size, bytes.size() - from);
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), there,
              static_cast<std::uint8_t*>(to));
  if (there == size) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + there, 0, size - there);
  return SQLITE_IOERR_SHORT_READ;
}
int write_file(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  if (!mounted->ask('w')) return SQLITE_FULL;
  of(file).shared->file.write(static_cast<std::size_t>(offset),
                              static_cast<const std::uint8_t*>(from),
                              static_cast<std::size_t>(amount));
  return SQLITE_OK;
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  if (!mounted->ask('t')) return SQLITE_IOERR_TRUNCATE;
  of(file).shared->file.truncate(static_cast<std::size_t>(size));
  return SQLITE_OK;
}
int sync_file(sqlite3_file* file, int) {
  if (!mounted->ask('s')) return SQLITE_IOERR_FSYNC;
  of(file).shared->file.sync();
  return SQLITE_OK;
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(of(file).shared->file.bytes().size());
  return SQLITE_OK;
}
int lock_file(sqlite3_file*, int) { return SQLITE_OK; }  // one process, one thread
int check_reserved(sqlite3_file*, int* result) {
  *result = 0;
  return SQLITE_OK;
}
int control_file(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 512; }
int characteristics(sqlite3_file*) { return 0; }

int map_index(sqlite3_file* file, int region, int size, int extend, void volatile** to) {
  auto& index = of(file).shared->index;
  STOA_ASSERT(size == 32'768);
  const auto at = static_cast<std::size_t>(region);
  while (extend != 0 && index.size() <= at) {
    index.push_back(std::make_unique<std::array<std::uint8_t, 32'768>>());
    index.back()->fill(0);
  }
  *to = at < index.size() ? index[at]->data() : nullptr;
  return SQLITE_OK;
}
int lock_index(sqlite3_file* file, int offset, int count, int flags) {
  auto& open = of(file);
  auto& locks = open.shared->locks;
  const auto first = static_cast<std::size_t>(offset);
  const auto end = first + static_cast<std::size_t>(count);
  const bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
  for (auto at = first; at < end; ++at) {
    auto& held = (*open.held)[at];
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      if (held == 1) --locks[at];
      if (held == 2) locks[at] = 0;
      held = 0;
      continue;
    }
    const bool is_free = is_shared ? locks[at] >= 0 : locks[at] == 0;
    if (held == 0 && !is_free) return SQLITE_BUSY;
  }
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return SQLITE_OK;
  for (auto at = first; at < end; ++at) {
    auto& held = (*open.held)[at];
    if (held != 0) continue;
    is_shared ? ++locks[at] : locks[at] = -1;
    held = is_shared ? 1 : 2;
  }
  return SQLITE_OK;
}
void index_barrier(sqlite3_file*) {}
int unmap_index(sqlite3_file* file, int) {
  auto& open = of(file);
  for (std::size_t at = 0; at < open.held->size(); ++at) {
    if ((*open.held)[at] == 1) --open.shared->locks[at];
    if ((*open.held)[at] == 2) open.shared->locks[at] = 0;
    (*open.held)[at] = 0;
  }
  return SQLITE_OK;
}

const sqlite3_io_methods methods{2,
                                 close_file,
                                 read_file,
                                 write_file,
                                 truncate_file,
                                 sync_file,
                                 size_of_file,
                                 lock_file,
                                 lock_file,
                                 check_reserved,
                                 control_file,
                                 sector_size,
                                 characteristics,
                                 map_index,
                                 lock_index,
                                 index_barrier,
                                 unmap_index,
                                 nullptr,
                                 nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto& open = of(file);
  open.base.pMethods = nullptr;
  STOA_ASSERT(mounted != nullptr && name != nullptr);  // temporary files are in memory
  auto at = mounted->files.find(name);
  if (at == mounted->files.end()) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    at = mounted->files.emplace(name, std::make_shared<Disk::Shared>()).first;
  }
  open.owner = new std::shared_ptr(at->second);
  open.shared = at->second.get();
  open.held = new std::array<int, SQLITE_SHM_NLOCK>{};
  open.base.pMethods = &methods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}
int delete_file(sqlite3_vfs*, const char* name, int) {
  mounted->files.erase(name);
  return SQLITE_OK;
}
int access_file(sqlite3_vfs*, const char* name, int, int* result) {
  *result = mounted->files.contains(name) ? 1 : 0;
  return SQLITE_OK;
}
int full_path(sqlite3_vfs*, const char* name, int size, char* to) {
  std::snprintf(to, static_cast<std::size_t>(size), "%s", name);
  return SQLITE_OK;
}
int random_bytes(sqlite3_vfs*, int size, char* to) {
  // Salts of the WAL: they differ from reset to reset by a counter of SQLite's own.
  std::memset(to, 7, static_cast<std::size_t>(size));
  return size;
}
int sleep_not(sqlite3_vfs*, int microseconds) { return microseconds; }
int no_time(sqlite3_vfs*, double* time) {
  *time = 2'460'000.5;
  return SQLITE_OK;
}
int no_error(sqlite3_vfs*, int, char*) { return 0; }

sqlite3_vfs vfs{1,         sizeof(OpenFile), 512,          nullptr,   Disk::vfs_name, nullptr,
                open_file, delete_file,      access_file,  full_path, nullptr,        nullptr,
                nullptr,   nullptr,          random_bytes, sleep_not, no_time,        no_error,
                nullptr,   nullptr,          nullptr,      nullptr};

}  // namespace

Disk::Disk() {
  STOA_ASSERT(mounted == nullptr);
  mounted = this;
  STOA_ASSERT(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

Disk::~Disk() { mounted = nullptr; }

void Disk::put(const std::string& name, Bytes bytes) {
  files[name] = std::make_shared<Shared>();
  files[name]->file = DiskFile(std::move(bytes));
}

Bytes Disk::read(const std::string& name) const {
  const auto at = files.find(name);
  return at == files.end() ? Bytes{} : at->second->file.bytes();
}

Disk::Image Disk::image() const {
  Image image;
  for (const auto& [name, shared] : files) image.emplace(name, shared->file.bytes());
  return image;
}

Disk::Image Disk::image_after_power_loss(Random& random) const {
  Image image;
  for (const auto& [name, shared] : files)
    image.emplace(name, shared->file.after_power_loss(random));
  return image;
}

}  // namespace stoa::simulation
