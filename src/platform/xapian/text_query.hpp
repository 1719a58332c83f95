#pragma once

#include <xapian.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/xapian/layout.hpp"

namespace stoa::xapian {

/// Makes queries of what people type. Over one database, and no longer than it.
class TextQuery {
 public:
  TextQuery(const Xapian::Database& db, const std::string& language);

  enum class Words { all, any };
  struct Parsed {
    Xapian::Query query;  ///< empty when there is no word in the text
    /// Not empty: finds the documents of `query` that weigh more than nothing, with the same
    /// weights.
    Xapian::Query best;
    Xapian::Query matching;  ///< finds what `query` finds, and weighs nothing
  };
  /// Of folded text. With `beginning`, the last word may go on, unless a space ends it. Quotes hold
  /// words together, a minus sign before a word excludes it.
  Parsed parse(const std::string& folded, Words words, bool beginning);

  /// The text with words that the shop does not have replaced by the nearest that it has; nothing
  /// when it is right, or when there is none near.
  std::optional<std::string> corrected(const std::string& folded) const;

 private:
  Parsed lone(const std::string& word);
  [[nodiscard]] std::vector<std::pair<Xapian::doccount, std::string>> titles_begun(
      const std::string& word) const;
  Xapian::Query words_of(const std::string& folded, unsigned flags, const std::string& prefix);

  [[nodiscard]] bool is_known(const std::string& word) const;

  const Xapian::Database& db_;
  Xapian::Stem stemmer_;
  Xapian::QueryParser parser_;
};

}  // namespace stoa::xapian
