#pragma once

#include <xapian.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/search/index.hpp"
#include "platform/xapian/label_column.hpp"
#include "platform/xapian/text_query.hpp"

namespace stoa::xapian {

struct SearcherOptions {
  Fold fold;
  std::string language;
  std::chrono::milliseconds time_max{1'000};  ///< of one search
};

class Looker;

/// Reads one database. One thread at a time. Throws Xapian::Error and search::TooSlow.
class Searcher {
 public:
  Searcher(Xapian::Database db, const SearcherOptions& options);

  /// Sees the newest commit. `changed`: the documents whose labels may have changed since it last
  /// did; nothing when that is not known.
  void refresh(std::optional<std::vector<Xapian::docid>> changed);
  search::Answer search(const search::Query& query);
  search::Suggestions suggest(const std::string& text, const std::vector<search::Label>& labels,
                              int limit);
  std::vector<std::string> number_fields(std::string_view prefix);
  std::int64_t documents() { return db_.get_doccount(); }

 private:
  struct Filter {
    bool is_impossible = false;  ///< a label that no document has
    Xapian::Query query;
  };
  struct Place;

  Filter filter_of(const std::vector<search::Label>& labels,
                   const std::vector<search::Range>& ranges);
  std::optional<unsigned> slot_of(const std::string& field);
  TextQuery::Parsed text_of(const std::string& folded, search::Matched matched);
  search::Answer run(const search::Query& query, const TextQuery::Parsed& text,
                     const Filter& filter, const Place* place, search::Matched matched);
  Looker looker_for(bool facets);
  void count_all(const Xapian::MSet& found, bool facets, search::Answer& answer);
  void look_over(const Xapian::Query& matching, Xapian::doccount at_least, bool facets,
                 search::Answer& answer);
  search::Answer with_fallbacks(const search::Query& query, const std::string& folded,
                                const Filter& filter);
  void count_facets(const std::vector<std::uint32_t>& counts, double scale, search::Answer& answer);
  const search::Label& label_at(std::uint32_t number);
  std::int64_t count(const Xapian::Query& query);
  std::vector<std::string> completions(const std::string& folded, const Filter& filter, int limit);

  Xapian::Database db_;
  SearcherOptions options_;
  std::vector<std::optional<search::Label>> labels_;  ///< by number; they never change
  LabelColumn column_;                                ///< loaded when it is first needed
};

}  // namespace stoa::xapian
