#include "platform/xapian/searcher.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "platform/xapian/language.hpp"

namespace stoa::xapian {
namespace {

using search::Matched;
using Steady = std::chrono::steady_clock;
using Op = Xapian::Query;

constexpr std::int64_t few = 3;  ///< hits that are worth a look at the spelling
constexpr Xapian::doccount sampled = 5'000;
constexpr Xapian::doccount drift_max = 50;  ///< ranks that a hit may move between two pages
constexpr Xapian::doccount counted_for_completions = 200;
constexpr int words_looked_at_max = 5'000;  ///< that begin alike, for one completion

}  // namespace

/// Counts the labels of the documents that a match looks at, and ends it when its time is over.
class Looker final : public Xapian::MatchSpy {
 public:
  /// Without labels nothing is counted.
  Looker(std::size_t labels, const LabelColumn& column, Steady::time_point deadline)
      : counts_(labels), column_(column), deadline_(deadline) {}

  void operator()(const Xapian::Document& document, double) override { see(document.get_docid()); }
  void see(Xapian::docid document) {
    if ((++seen_ & 0xff) == 0 && Steady::now() > deadline_)
      throw search::TooSlow("a search took too long");
    if (counts_.empty() || seen_ > search::Index::counted_max) return;
    unpack(column_.of(document), [this](std::uint32_t number) {
      if (number < counts_.size()) ++counts_[number];
    });
  }

  [[nodiscard]] const std::vector<std::uint32_t>& counts() const { return counts_; }
  [[nodiscard]] std::int64_t counted() const {
    return std::min<std::int64_t>(seen_, search::Index::counted_max);
  }

 private:
  std::vector<std::uint32_t> counts_;
  const LabelColumn& column_;
  Steady::time_point deadline_;
  std::int64_t seen_ = 0;
};

namespace {

Xapian::Query both(const Xapian::Query& a, const Xapian::Query& b) {
  return a.empty() ? b : Xapian::Query(Op::OP_AND, a, b);
}

/// The part of a text before its last word, and that word.
std::pair<std::string, std::string> last_word(const std::string& folded) {
  const auto at = folded.find_last_of(" \"-") + 1;  // 0 when there is none
  return {folded.substr(0, at), folded.substr(at)};
}

TextQuery::Parsed everything() { return {Op::MatchAll, {}, Op::MatchAll}; }

char letter_of(Matched matched) {
  return matched == Matched::all ? 'a' : matched == Matched::corrected ? 'c' : 's';
}

}  // namespace

/// Where a page begins: a cursor read back.
struct Searcher::Place {
  Matched matched = Matched::all;
  Xapian::doccount rank = 0;  ///< by relevance: of the last hit, from 1
  std::string last;           ///< by relevance: its id; by a slot: its value

  static std::optional<Place> read(const std::string& cursor) {
    if (cursor.size() < 3) return std::nullopt;
    Place place;
    if (cursor[0] == letter_of(Matched::corrected)) place.matched = Matched::corrected;
    if (cursor[0] == letter_of(Matched::any)) place.matched = Matched::any;
    const auto* end = cursor.data() + cursor.size();
    const auto [rest, error] = std::from_chars(cursor.data() + 1, end, place.rank);
    if (error != std::errc{} || rest == end || *rest != ':') return std::nullopt;
    if (place.rank > Xapian::doccount{search::Index::pages_max}) return std::nullopt;
    place.last.assign(rest + 1, end);
    return place;
  }
  static std::string write(Matched matched, Xapian::doccount rank, const std::string& last) {
    return letter_of(matched) + std::to_string(rank) + ":" + last;
  }
};

Searcher::Searcher(Xapian::Database db, const SearcherOptions& options)
    : db_(std::move(db)), options_(options) {}

void Searcher::refresh(std::optional<std::vector<Xapian::docid>> changed) {
  db_.reopen();
  if (!column_.is_loaded()) return;
  if (changed)
    column_.update(db_, std::move(*changed));
  else
    column_.forget();
}

std::optional<unsigned> Searcher::slot_of(const std::string& field) {
  if (field == search::by_title) return title_slot;
  const auto stored = db_.get_metadata(key::slot(field));
  if (stored.empty()) return std::nullopt;
  return static_cast<unsigned>(std::stoul(stored));
}

Searcher::Filter Searcher::filter_of(const std::vector<search::Label>& labels,
                                     const std::vector<search::Range>& ranges) {
  Filter filter;
  for (const auto& label : labels) {
    const auto stored = db_.get_metadata(key::label(label.field, label.value));
    if (stored.empty()) return {true, {}};
    const auto term = label_term(static_cast<std::uint32_t>(std::stoul(stored)));
    if (db_.get_termfreq(term) < db_.get_doccount())
      filter.query = both(filter.query, Xapian::Query(term));
  }
  for (const auto& range : ranges) {
    const auto slot = slot_of(range.field);
    if (!slot) return {true, {}};
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    const auto from = encode_number(range.min.value_or(least));
    // Above every value that begins with the number, whatever the id after it.
    const auto to = range.max ? encode_number(*range.max) + '\xff' : std::string(9, '\xff');
    filter.query = both(filter.query, Xapian::Query(Op::OP_VALUE_RANGE, *slot, from, to));
  }
  return filter;
}

TextQuery::Parsed Searcher::text_of(const std::string& folded, Matched matched) {
  TextQuery text(db_, options_.language);
  const auto words = matched == Matched::any ? TextQuery::Words::any : TextQuery::Words::all;
  return text.parse(folded, words, matched != Matched::corrected);
}

search::Answer Searcher::search(const search::Query& query) {
  auto folded = options_.fold(query.text);
  const auto filter = filter_of(query.labels, query.ranges);
  if (filter.is_impossible) return {};
  if (folded.find_first_not_of(' ') == std::string::npos) folded.clear();
  if (query.after.empty()) {
    if (folded.empty()) return run(query, everything(), filter, nullptr, Matched::all);
    return with_fallbacks(query, folded, filter);
  }
  const auto place = Place::read(query.after);
  if (!place) return {};
  if (folded.empty()) return run(query, everything(), filter, &*place, Matched::all);
  std::optional<std::string> corrected;
  if (place->matched == Matched::corrected) {
    corrected = TextQuery(db_, options_.language).corrected(folded);
    if (!corrected) return {};
  }
  auto answer = run(query, text_of(corrected.value_or(folded), place->matched), filter, &*place,
                    place->matched);
  answer.corrected = corrected;
  return answer;
}

search::Answer Searcher::with_fallbacks(const search::Query& query, const std::string& folded,
                                        const Filter& filter) {
  auto answer = run(query, text_of(folded, Matched::all), filter, nullptr, Matched::all);
  if (answer.total > few) return answer;
  if (auto corrected = TextQuery(db_, options_.language).corrected(folded)) {
    auto other =
        run(query, text_of(*corrected, Matched::corrected), filter, nullptr, Matched::corrected);
    // Words that only drafts have must not be told: a correction is named when it finds something.
    if (other.total > answer.total) {
      if (answer.total == 0) answer = std::move(other);
      answer.corrected = std::move(corrected);
    }
  }
  if (answer.total > 0) return answer;
  auto some = run(query, text_of(folded, Matched::any), filter, nullptr, Matched::any);
  return some.total > 0 ? some : answer;
}

search::Answer Searcher::run(const search::Query& query, const TextQuery::Parsed& text,
                             const Filter& filter, const Place* place, Matched matched) {
  search::Answer answer;
  answer.matched = matched;
  if (text.query.empty()) return answer;
  const auto slot = query.sort.empty() ? std::nullopt : slot_of(query.sort);
  if (!query.sort.empty() && !slot) return answer;
  auto narrowed = filter.query;
  if (slot) {
    if (place != nullptr)
      narrowed = both(narrowed, Xapian::Query(query.descending ? Op::OP_VALUE_LE : Op::OP_VALUE_GE,
                                              *slot, place->last));
    else if (db_.get_value_freq(*slot) < db_.get_doccount())
      narrowed = both(narrowed, Xapian::Query(Op::OP_VALUE_GE, *slot, std::string(1, '\0')));
  }
  const auto within = [&](const Xapian::Query& found) {
    return narrowed.empty() ? found : Xapian::Query(Op::OP_FILTER, found, narrowed);
  };
  Xapian::Enquire enquire(db_);
  if (slot) {
    enquire.set_weighting_scheme(Xapian::BoolWeight());
    enquire.set_sort_by_value(*slot, query.descending);
  }
  auto looker = looker_for(false);
  enquire.add_matchspy(&looker);
  // By a slot, the page before ends where this one begins. By relevance, weights move with every
  // change of the index: the last hit is looked for near its old rank.
  const auto rank = !slot && place != nullptr ? place->rank : 0;
  const auto from = rank > drift_max ? rank - drift_max : 0;
  const auto wanted =
      static_cast<Xapian::doccount>(query.limit) + 2 + (rank > 0 ? rank - from + drift_max : 0);
  Xapian::MSet found;
  bool is_of_best = !slot && !text.best.empty();
  if (is_of_best) {
    enquire.set_query(within(text.best));
    found = enquire.get_mset(from, wanted);
  }
  if (found.size() < wanted) {
    is_of_best = false;
    enquire.set_query(within(text.query));
    found = enquire.get_mset(from, wanted);
  }
  auto begin = found.begin();
  auto next_rank = from;
  if (place != nullptr) {
    if (!slot) begin = found.end();
    auto hit = found.begin();
    for (auto at = from; hit != found.end(); ++hit, ++at) {
      const auto document = hit.get_document();
      const bool is_last =
          slot ? document.get_value(*slot) == place->last : document.get_data() == place->last;
      if (is_last || (rank > 0 && at + 1 == rank)) {
        begin = hit;
        next_rank = at + 1;
        ++begin;
      }
      if (is_last || slot) break;
    }
  }
  for (; begin != found.end(); ++begin) {
    if (answer.hits.size() == static_cast<std::size_t>(query.limit)) {
      answer.more = true;
      break;
    }
    const auto document = begin.get_document();
    auto id = document.get_data();
    ++next_rank;
    std::string cursor;
    if (slot)
      cursor = Place::write(matched, 0, document.get_value(*slot));
    else if (next_rank < search::Index::pages_max)
      cursor = Place::write(matched, next_rank, id);
    answer.hits.push_back({std::move(id), std::move(cursor)});
  }
  if (place == nullptr && found.size() < wanted) {
    count_all(found, query.facets, answer);
  } else if (place == nullptr) {
    look_over(within(text.matching), is_of_best ? 0 : found.get_matches_lower_bound(), query.facets,
              answer);
  }
  return answer;
}

Looker Searcher::looker_for(bool facets) {
  const auto labels = facets ? db_.get_metadata(std::string(key::labels)) : "";
  if (!labels.empty() && !column_.is_loaded()) column_.load(db_);
  return {labels.empty() ? 0 : std::stoul(labels), column_, Steady::now() + options_.time_max};
}

/// Total and facets of what was found whole.
void Searcher::count_all(const Xapian::MSet& found, bool facets, search::Answer& answer) {
  answer.total = found.size();
  if (!facets) return;
  auto looker = looker_for(true);
  for (auto hit = found.begin(); hit != found.end(); ++hit) looker.see(*hit);
  count_facets(looker.counts(), 1, answer);
}

/// Total and facets. Apart from the hits: to find the best, Xapian skips most of what matches; to
/// count, it need not weigh.
/// `at_least`: how many are known to match; 0 for not known.
void Searcher::look_over(const Xapian::Query& matching, Xapian::doccount at_least, bool facets,
                         search::Answer& answer) {
  Xapian::Enquire enquire(db_);
  enquire.set_query(matching);
  enquire.set_weighting_scheme(Xapian::BoolWeight());
  auto looker = looker_for(facets);
  enquire.add_matchspy(&looker);
  constexpr Xapian::doccount counted_max = search::Index::counted_max;
  // Where more is sure to match than is counted, a sample does; else one more tells that it is all.
  if (at_least == 0) at_least = enquire.get_mset(0, 0).get_matches_lower_bound();
  const bool is_sampled = at_least > counted_max;
  const auto found = enquire.get_mset(0, 1, is_sampled ? sampled : counted_max + 1);
  answer.total = found.get_matches_estimated();
  answer.exact = found.get_matches_lower_bound() == found.get_matches_upper_bound();
  if (!facets) return;
  if (looker.counted() < answer.total) answer.exact = false;
  const double scale =
      answer.exact || looker.counted() == 0
          ? 1
          : static_cast<double>(answer.total) / static_cast<double>(looker.counted());
  count_facets(looker.counts(), scale, answer);
}

const search::Label& Searcher::label_at(std::uint32_t number) {
  if (labels_.size() <= number) labels_.resize(number + 1);
  auto& label = labels_[number];
  if (!label) {
    auto [field, value] = split_label(db_.get_metadata(key::label_at(number)));
    label = search::Label{std::move(field), std::move(value)};
  }
  return *label;
}

void Searcher::count_facets(const std::vector<std::uint32_t>& counts, double scale,
                            search::Answer& answer) {
  std::map<std::string, std::vector<search::Count>> fields;
  for (std::uint32_t number = 0; number < counts.size(); ++number) {
    if (counts[number] == 0) continue;
    const auto& label = label_at(number);
    fields[label.field].push_back({label.value, std::llround(counts[number] * scale)});
  }
  for (auto& [field, all] : fields) {
    constexpr auto most = static_cast<std::size_t>(search::Index::counts_max);
    const auto shown = std::min(all.size(), most);
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(),
                      [](const search::Count& a, const search::Count& b) {
                        return a.documents != b.documents ? a.documents > b.documents
                                                          : a.value < b.value;
                      });
    const bool cut = all.size() > shown;
    all.resize(shown);
    answer.facets.push_back({field, std::move(all), cut});
  }
}

std::int64_t Searcher::count(const Xapian::Query& query) {
  Xapian::Enquire enquire(db_);
  enquire.set_query(query);
  enquire.set_weighting_scheme(Xapian::BoolWeight());
  return enquire.get_mset(0, 1, counted_for_completions).get_matches_estimated();
}

/// Words that begin so and occur most, in documents that have the words before it too.
std::vector<std::string> Searcher::completions(const std::string& folded, const Filter& filter,
                                               int limit) {
  const auto [before, beginning] = last_word(folded);
  if (beginning.empty()) return {};
  using Counted = std::pair<std::int64_t, std::string>;
  const auto by_count = [](const Counted& a, const Counted& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  const auto prefix = std::string(offered_prefix) + beginning;
  std::vector<Counted> words;
  int looked_at = 0;
  for (auto term = db_.allterms_begin(prefix);
       term != db_.allterms_end(prefix) && ++looked_at <= words_looked_at_max; ++term)
    words.emplace_back(term.get_termfreq(), *term);
  std::ranges::sort(words, by_count);
  words.resize(std::min(words.size(), static_cast<std::size_t>(4 * limit)));
  auto context = filter.query;
  if (before.find_first_not_of(" \"-") != std::string::npos) {
    const auto text =
        TextQuery(db_, options_.language).parse(before, TextQuery::Words::all, false).query;
    if (!text.empty()) context = both(context, text);
  }
  std::vector<Counted> found;
  for (const auto& [documents, term] : words) {
    const auto word = term.substr(offered_prefix.size());
    if (is_stop_word(options_.language, word)) continue;
    const auto together = count(both(context, Xapian::Query(term)));
    if (together > 0) found.emplace_back(together, before + word);
  }
  std::ranges::sort(found, by_count);
  std::vector<std::string> texts;
  for (auto& [documents, text] : found)
    if (texts.size() < static_cast<std::size_t>(limit)) texts.push_back(std::move(text));
  return texts;
}

search::Suggestions Searcher::suggest(const std::string& text,
                                      const std::vector<search::Label>& labels, int limit) {
  search::Suggestions suggestions;
  const auto folded = options_.fold(text);
  const auto filter = filter_of(labels, {});
  if (filter.is_impossible || folded.find_first_not_of(' ') == std::string::npos)
    return suggestions;
  suggestions.texts = completions(folded, filter, limit);
  search::Query query;
  query.text = text;
  query.limit = limit;
  const auto answer = with_fallbacks(query, folded, filter);
  if (suggestions.texts.empty() && answer.corrected) suggestions.texts = {*answer.corrected};
  if (answer.matched != Matched::any)
    for (const auto& hit : answer.hits) suggestions.ids.push_back(hit.id);
  return suggestions;
}

std::vector<std::string> Searcher::number_fields(std::string_view prefix) {
  std::vector<std::string> fields;
  const auto begins = std::string(key::slot_prefix) + std::string(prefix);
  for (auto one = db_.metadata_keys_begin(begins); one != db_.metadata_keys_end(begins); ++one)
    fields.push_back((*one).substr(key::slot_prefix.size()));
  return fields;
}

}  // namespace stoa::xapian
