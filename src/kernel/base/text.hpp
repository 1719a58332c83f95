#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace stoa {

std::string to_hex(std::span<const std::uint8_t> bytes);

/// RFC 4648, with padding.
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

/// Unreserved characters of RFC 3986 stay; all else becomes %XX.
std::string percent_encode(std::string_view text);
/// Nothing when a `%` is not followed by two hexadecimal digits. `+` stays a plus sign.
std::optional<std::string> percent_decode(std::string_view text);

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);
/// Code points of well-formed UTF-8.
std::size_t utf8_length(std::string_view text);
/// The first bytes of well-formed UTF-8, at most `bytes_max`, cut between characters.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max);
/// Whether a control character (C0, DEL or C1) occurs; with `allow_lines`, tab and line ends may.
bool has_control_characters(std::string_view text, bool allow_lines);

/// Without ASCII white space at both ends.
std::string_view trim(std::string_view text);
/// ASCII letters only: for handles, keys and header names, never for words of a language.
std::string ascii_lower(std::string_view text);
bool ascii_iequals(std::string_view a, std::string_view b);

/// Equal or not, in a time that depends on the lengths alone.
bool constant_time_equals(std::string_view a, std::string_view b);

/// Whether the digits, taken alone, contain a run of 13 to 19 that satisfies the Luhn check of
/// ISO/IEC 7812: digits of a run may be apart by single spaces or hyphens.
bool contains_card_number(std::string_view text);

}  // namespace stoa
