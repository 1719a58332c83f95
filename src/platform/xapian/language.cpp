#include "platform/xapian/language.hpp"

#include <set>
#include <string_view>

namespace stoa::xapian {
namespace {

const std::set<std::string_view> english{
    "a",    "an",  "and",  "any",  "are",   "as",   "at",   "be",  "by",    "can",
    "do",   "for", "from", "i",    "in",    "is",   "it",   "its", "me",    "my",
    "of",   "on",  "or",   "our",  "so",    "some", "that", "the", "their", "them",
    "this", "to",  "we",   "what", "which", "who",  "with", "you", "your"};

}  // namespace

Xapian::Stem make_stemmer(const std::string& language) {
  return language == "none" ? Xapian::Stem() : Xapian::Stem(language);
}

bool is_stop_word(const std::string& language, const std::string& word) {
  return language == "english" && english.contains(word);
}

}  // namespace stoa::xapian
