#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stoa::ordering {

/// E.164: a plus sign and 7 to 15 digits alone, of a number that people write with spaces, hyphens,
/// dots and brackets. Nothing when the text is no number with its country.
std::optional<std::string> to_e164(std::string_view text);

}  // namespace stoa::ordering
