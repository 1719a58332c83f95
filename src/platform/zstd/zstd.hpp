#pragma once

#include <string>
#include <string_view>

namespace stoa::zstd {

/// One frame of RFC 8878, at a level chosen for speed. Thread-safe. Throws std::runtime_error when
/// the library cannot.
std::string compress(std::string_view text);

}  // namespace stoa::zstd
