#pragma once

#include <string>
#include <string_view>

namespace stoa::zlib {

/// One member of RFC 1952, at a level chosen for speed. Thread-safe. Throws std::runtime_error when
/// the library cannot.
std::string gzip(std::string_view text);

}  // namespace stoa::zlib
