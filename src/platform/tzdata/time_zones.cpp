#include "platform/tzdata/time_zones.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/base/files.hpp"
#include "platform/tzdata/posix_rule.hpp"

namespace stoa::tzdata {
namespace {

namespace fs = std::filesystem;

struct Zone {
  std::vector<std::int64_t> times;    ///< of Unix, rising: from each the offset beside it holds
  std::vector<std::int64_t> offsets;  ///< one more than times: the first holds before all of them
  std::optional<PosixRule> after;

  [[nodiscard]] std::int64_t offset(std::int64_t at) const {
    if (after && (times.empty() || at >= times.back())) return after->offset(at);
    const auto next = std::upper_bound(times.begin(), times.end(), at);
    return offsets[static_cast<std::size_t>(next - times.begin())];
  }
};

/// Big-endian numbers of a file; what lies beyond its end is 0 and remembered as damage.
class Bytes {
 public:
  explicit Bytes(std::string_view data) : data_(data) {}
  [[nodiscard]] bool damaged() const { return damaged_; }
  std::int64_t number(std::size_t at, std::size_t size) {
    if (at > data_.size() || data_.size() - at < size) {
      damaged_ = true;
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8U | static_cast<unsigned char>(data_[at + i]);
    return size == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(value))
                     : static_cast<std::int64_t>(value);
  }
  std::size_t count(std::size_t at) {
    const auto value = number(at, 4);
    damaged_ = damaged_ || value < 0 || value > 100'000;
    return damaged_ ? 0 : static_cast<std::size_t>(value);
  }

 private:
  std::string_view data_;
  bool damaged_ = false;
};

constexpr std::size_t header_size = 44;

/// The counts of a header of TZif, and where its parts stand.
struct Header {
  std::size_t times, types, body, size;
  Header(Bytes& bytes, std::size_t at, std::size_t time_size)
      : times(bytes.count(at + 32)), types(bytes.count(at + 36)), body(at + header_size) {
    const auto ut = bytes.count(at + 20);
    const auto standard = bytes.count(at + 24);
    const auto leaps = bytes.count(at + 28);
    const auto characters = bytes.count(at + 40);
    size = header_size + times * (time_size + 1) + types * 6 + characters +
           leaps * (time_size + 4) + standard + ut;
  }
};

std::optional<Zone> read_zone(std::string_view data) {
  if (!data.starts_with("TZif") || data.size() < header_size || data[4] < '2') return std::nullopt;
  Bytes bytes(data);
  const auto begin = Header(bytes, 0, 4).size;
  const Header header(bytes, begin, 8);
  if (bytes.damaged() || header.types == 0) return std::nullopt;
  const auto indices = header.body + header.times * 8;
  const auto types = indices + header.times;
  const auto offset_of = [&](std::size_t type) { return bytes.number(types + type * 6, 4); };
  Zone zone;
  zone.offsets.push_back(offset_of(0));
  for (std::size_t at = 0; at < header.times; ++at) {
    zone.times.push_back(bytes.number(header.body + at * 8, 8));
    zone.offsets.push_back(offset_of(static_cast<std::size_t>(bytes.number(indices + at, 1))));
  }
  const auto footer = begin + header.size;
  if (bytes.damaged() || footer >= data.size() || data[footer] != '\n') return std::nullopt;
  const auto rest = data.substr(footer + 1);
  zone.after = PosixRule::parse(rest.substr(0, rest.find('\n')));
  return zone;
}

/// Words of the database's alphabet between single slashes: never a way out of the folder, and none
/// of the files beside the zones.
bool is_zone_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed) &&
         !name.starts_with('/') && !name.ends_with('/') && name.find("//") == name.npos &&
         !name.starts_with("posix") && !name.starts_with("right/") && name != "localtime" &&
         name != "Factory";
}

class SystemZones final : public TimeZones {
 public:
  explicit SystemZones(fs::path folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::optional<std::chrono::seconds> offset(std::string_view name,
                                                           Timestamp at) const override {
    const std::lock_guard lock(mutex_);
    const auto* zone = find(name);
    if (zone == nullptr) return std::nullopt;
    const auto second = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
    return std::chrono::seconds(zone->offset(second));
  }

 private:
  const Zone* find(std::string_view name) const {
    if (const auto at = zones_.find(name); at != zones_.end()) return &at->second;
    auto zone = is_zone_name(name) ? load(name) : std::nullopt;
    return zone ? &zones_.emplace(name, std::move(*zone)).first->second : nullptr;
  }

  [[nodiscard]] std::optional<Zone> load(std::string_view name) const {
    std::error_code ignored;
    const auto file = folder_ / name;
    if (fs::is_regular_file(file, ignored)) {
      const auto data = read_file(file.string());
      if (auto zone = data ? read_zone(*data) : std::nullopt) return zone;
    }
    return name == "UTC" ? std::optional(Zone{{}, {0}, {}}) : std::nullopt;
  }

  fs::path folder_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Zone, std::less<>> zones_;
};

}  // namespace

std::unique_ptr<TimeZones> make_time_zones(const fs::path& folder) {
  return std::make_unique<SystemZones>(folder);
}

}  // namespace stoa::tzdata
