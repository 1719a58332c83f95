#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stoa {

/// A language tag of BCP 47 in its customary case, `de-AT` for `DE-at`: a language of two or three
/// letters, then subtags; at most 35 characters. Nothing when the text has not this shape.
std::optional<std::string> canonical_language(std::string_view text);

}  // namespace stoa
