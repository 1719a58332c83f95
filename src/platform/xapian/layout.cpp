#include "platform/xapian/layout.hpp"

#include <algorithm>

namespace stoa::xapian {
namespace {

constexpr char separator = '\x1f';  // no input of a shop has control characters
constexpr std::size_t title_key_bytes_max = 80;

/// Keys of Xapian are bounded: the rest of a long one is a hash of FNV-1a.
std::string bounded(std::string text) {
  if (text.size() <= term_bytes_max) return text;
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  text.resize(term_bytes_max - 24);
  return text + separator + std::to_string(hash);
}

}  // namespace

namespace key {

std::string note(std::string_view name) { return bounded("note/" + std::string(name)); }
std::string slot(std::string_view field) {
  return bounded(std::string(slot_prefix) + std::string(field));
}
std::string label(std::string_view field, std::string_view value) {
  return bounded("label/" + join_label(field, value));
}
std::string label_at(std::uint32_t number) { return "label_at/" + std::to_string(number); }

}  // namespace key

std::string id_term(std::string_view id) { return "Q" + std::string(id); }
std::string label_term(std::uint32_t number) { return "XL" + std::to_string(number); }

std::string code_term(std::string_view folded) {
  return folded.empty() || folded.size() > term_bytes_max ? "" : "K" + std::string(folded);
}

std::string join_label(std::string_view field, std::string_view value) {
  return std::string(field) + separator + std::string(value);
}

std::pair<std::string, std::string> split_label(const std::string& joined) {
  const auto at = std::min(joined.find(separator), joined.size());
  return {joined.substr(0, at), joined.substr(std::min(at + 1, joined.size()))};
}

std::string encode_number(std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number) ^ (std::uint64_t{1} << 63);
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<unsigned char>(bits >> shift));
  return bytes;
}

std::string slot_value(std::string_view sorted, std::string_view id) {
  return std::string(sorted) + std::string(id);
}

std::string title_key(std::string_view folded) {
  // A zero byte ends it, so that a title sorts before the longer ones that begin with it.
  return std::string(folded.substr(0, title_key_bytes_max)) + '\0';
}

std::string pack(const std::vector<std::uint32_t>& numbers) {
  std::string bytes;
  for (auto number : numbers) {
    for (; number >= 0x80; number >>= 7) bytes += static_cast<char>((number & 0x7f) | 0x80);
    bytes += static_cast<char>(number);
  }
  return bytes;
}

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z');
}

std::vector<std::string> joined_words(std::string_view folded) {
  std::vector<std::string> words;
  std::string word;
  bool has_hyphen = false;
  const auto end_word = [&] {
    if (has_hyphen && word.size() > 1 && word.size() <= 64) words.push_back(word);
    word.clear();
    has_hyphen = false;
  };
  for (std::size_t at = 0; at < folded.size(); ++at) {
    const char c = folded[at];
    if (is_word_byte(c)) {
      word += c;
    } else if (c == '-' && !word.empty() && at + 1 < folded.size() &&
               is_word_byte(folded[at + 1])) {
      has_hyphen = true;
    } else {
      end_word();
    }
  }
  end_word();
  return words;
}

}  // namespace stoa::xapian
