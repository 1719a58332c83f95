#pragma once

#include <string>
#include <string_view>

namespace stoa::icu {

/// Text as it is compared in a search: without case, accents and compatibility forms, so that
/// `Crème` is `creme`, `STRASSE` is `strasse` like `Straße`, and `Ｔ` is `t`. Expects UTF-8; what
/// is none becomes U+FFFD. Thread-safe.
std::string fold(std::string_view text);

}  // namespace stoa::icu
