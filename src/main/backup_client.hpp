#pragma once

#include <filesystem>

#include "kernel/base/crypto.hpp"
#include "kernel/base/result.hpp"
#include "main/client.hpp"

namespace stoa {

/// Has a running shop make a copy of itself and fetches its files into a folder, as `stage_cut`
/// would make them there. Their digests are checked.
Result<void> fetch_cut(const ShopClientOptions& shop, const std::filesystem::path& into,
                       const Crypto& crypto);

}  // namespace stoa
