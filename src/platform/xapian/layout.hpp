#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// How documents lie in a Xapian database. Whoever changes it, or mends what was put in wrongly (1
/// had bounds of prices of other currencies), changes `layout_version`: then it is built anew.
///
/// Terms: words as they are and, with `Z` before them, stemmed; `S` words of the title and of what
/// weighs nearly as much, likewise;
/// `W` words that corrections and completions offer; `K` codes; `XL` a label's number; `Q` the id.
/// Value slot 0: the numbers of all labels; slot 1: the title; the others: a field of numbers each.
namespace stoa::xapian {

inline constexpr std::string_view layout_version = "2";
inline constexpr std::string_view title_prefix = "S";
inline constexpr std::string_view offered_prefix = "W";
inline constexpr unsigned labels_slot = 0;
inline constexpr unsigned title_slot = 1;
inline constexpr unsigned first_number_slot = 2;
inline constexpr std::size_t term_bytes_max = 200;  ///< Xapian takes 245

using Fold = std::function<std::string(std::string_view)>;

namespace key {
inline constexpr std::string_view version = "version";
inline constexpr std::string_view position = "position";
inline constexpr std::string_view trace = "trace";
inline constexpr std::string_view labels = "labels";  ///< how many there are
inline constexpr std::string_view slots = "slots";    ///< how many there are, the fixed ones too
inline constexpr std::string_view slot_prefix = "slot/";
std::string note(std::string_view name);
std::string slot(std::string_view field);
std::string label(std::string_view field, std::string_view value);  ///< of its number
std::string label_at(std::uint32_t number);                         ///< of its field and value
}  // namespace key

std::string id_term(std::string_view id);
std::string label_term(std::uint32_t number);
/// Empty when the folded code is too long, or nothing.
std::string code_term(std::string_view folded);

/// Field and value, joined for `key::label_at`.
std::string join_label(std::string_view field, std::string_view value);
std::pair<std::string, std::string> split_label(const std::string& joined);

/// Eight bytes that sort like the numbers.
std::string encode_number(std::int64_t number);
/// The value of a slot: it sorts by `sorted`, then by id, so no two documents share one.
std::string slot_value(std::string_view sorted, std::string_view id);
/// What a title sorts by, of its folded text.
std::string title_key(std::string_view folded);

std::string pack(const std::vector<std::uint32_t>& numbers);
/// Calls `each` with every number that was packed.
template <class Each>
void unpack(std::string_view bytes, Each&& each) {
  std::uint32_t number = 0;
  int shift = 0;
  for (const char byte : bytes) {
    const auto bits = static_cast<unsigned char>(byte);
    number |= static_cast<std::uint32_t>(bits & 0x7f) << shift;
    shift += 7;
    if ((bits & 0x80) != 0) continue;
    each(number);
    number = 0;
    shift = 0;
  }
}

/// Of folded UTF-8: a letter or a digit, or a byte of a letter beyond ASCII.
bool is_word_byte(char c);

/// Words with hyphens within, written as one: `t-shirt` gives `tshirt`.
std::vector<std::string> joined_words(std::string_view folded);

}  // namespace stoa::xapian
