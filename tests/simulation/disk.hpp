#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/random.hpp"

namespace stoa::simulation {

using Bytes = std::vector<std::uint8_t>;

/// A file in memory that knows what of it was synced.
class DiskFile {
 public:
  DiskFile() = default;
  explicit DiskFile(Bytes bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  void write(std::size_t offset, const std::uint8_t* data, std::size_t size);
  void truncate(std::size_t size);
  void sync() { unsynced_.clear(); }
  /// What a machine that loses its power may find afterwards: of the writes since the last sync
  /// each is there or not, by the draw, and one may be torn at a sector.
  [[nodiscard]] Bytes after_power_loss(Random& random) const;

 private:
  struct Change {
    std::size_t offset = 0;
    Bytes before;  ///< what stood there; shorter where the file ended
    Bytes after;   ///< empty: the file was cut to `offset`
  };
  Bytes bytes_;
  std::vector<Change> unsynced_;
};

/// SQLite's way to files, in memory and for one thread. One disk is mounted at a time.
class Disk {
 public:
  static constexpr const char* vfs_name = "stoa-simulated-disk";

  /// Told before a write ('w'), a sync ('s') or a cut ('t') is done; false: it fails.
  using Watch = std::function<bool(char what)>;

  Disk();
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  void watch(Watch watch) { watch_ = std::move(watch); }
  [[nodiscard]] bool ask(char what) { return !watch_ || watch_(what); }

  void put(const std::string& name, Bytes bytes);
  [[nodiscard]] Bytes read(const std::string& name) const;

  using Image = std::map<std::string, Bytes>;
  /// As a process that dies leaves it: all that was written.
  [[nodiscard]] Image image() const;
  /// As a machine that loses its power leaves it.
  [[nodiscard]] Image image_after_power_loss(Random& random) const;

  struct Shared;  ///< a file, with the memory and locks of its WAL's index
  std::map<std::string, std::shared_ptr<Shared>> files;

 private:
  Watch watch_;
};

}  // namespace stoa::simulation
