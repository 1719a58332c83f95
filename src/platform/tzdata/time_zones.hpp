#pragma once

#include <filesystem>
#include <memory>

#include "kernel/base/time_zones.hpp"

namespace stoa::tzdata {

/// Reads the compiled zones of the system (TZif, RFC 8536) from `folder`, each once, and keeps
/// them: a newer release of the database counts from the next start. Without the folder, only `UTC`
/// is known.
std::unique_ptr<TimeZones> make_time_zones(
    const std::filesystem::path& folder = "/usr/share/zoneinfo");

}  // namespace stoa::tzdata
