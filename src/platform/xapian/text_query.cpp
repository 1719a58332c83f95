#include "platform/xapian/text_query.hpp"

#include <algorithm>
#include <array>

#include "platform/xapian/language.hpp"

namespace stoa::xapian {
namespace {

using Parser = Xapian::QueryParser;

constexpr unsigned syntax = Parser::FLAG_PHRASE | Parser::FLAG_LOVEHATE | Parser::FLAG_CJK_NGRAM;
constexpr std::size_t letters_min = 3;  ///< of a beginning that is looked for in descriptions

/// A beginning stands for so many words that begin with it, the most frequent: few when it is so
/// short that it says little.
Xapian::termcount words_begun(std::size_t letters) {
  return letters < 2 ? 10 : letters < 4 ? 20 : 60;
}

constexpr std::size_t word_bytes_min = 3;  ///< of what may be misspelt
constexpr std::size_t word_bytes_max = 40;
constexpr double title_scale = 2;
constexpr Xapian::doccount weighed_max = 4'000;  ///< titles that a lone beginning weighs
constexpr double code_scale = 100;               ///< a whole SKU is before all else

class Stopper final : public Xapian::Stopper {
 public:
  explicit Stopper(std::string language) : language_(std::move(language)) {}
  bool operator()(const std::string& word) const override { return is_stop_word(language_, word); }

 private:
  std::string language_;
};

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Without quotes, and with words that hyphens join apart; a minus sign before a word stays.
std::string loosened(std::string text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool joins = text[at] == '-' && at > 0 && is_word_byte(text[at - 1]);
    if (joins || text[at] == '"') text[at] = ' ';
  }
  return text;
}

/// Words alone, with a space also where ASCII and another script meet.
std::string words_apart(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool was_ascii = !out.empty() && static_cast<unsigned char>(out.back()) < 0x80;
    const bool is_ascii = static_cast<unsigned char>(c) < 0x80;
    if (!out.empty() && out.back() != ' ' && was_ascii != is_ascii) out += ' ';
    out += is_word_byte(c) ? c : ' ';
  }
  return out;
}

}  // namespace

TextQuery::TextQuery(const Xapian::Database& db, const std::string& language)
    : db_(db), stemmer_(make_stemmer(language)) {
  parser_.set_database(db);
  parser_.set_stemmer(stemmer_);
  parser_.set_stemming_strategy(Parser::STEM_SOME);
  parser_.set_stopper((new Stopper(language))->release());  // Xapian deletes it
}

Xapian::Query TextQuery::words_of(const std::string& folded, unsigned flags,
                                  const std::string& prefix) {
  // Xapian's parser refuses some texts, such as one letter of CJK with a Latin one after it: then
  // they are words alone, and at last without n-grams.
  const unsigned plain = flags & ~unsigned{Parser::FLAG_LOVEHATE | Parser::FLAG_PHRASE};
  const std::array<std::pair<std::string, unsigned>, 3> tries{
      {{folded, flags},
       {words_apart(folded), plain},
       {words_apart(folded), plain & ~unsigned{Parser::FLAG_CJK_NGRAM}}}};
  for (const auto& [text, with] : tries) {
    try {
      return parser_.parse_query(text, with, prefix);
    } catch (const Xapian::QueryParserError&) {
      continue;
    }
  }
  return {};
}

TextQuery::Parsed TextQuery::parse(const std::string& folded, Words words, bool beginning) {
  const unsigned flags = syntax | (beginning ? unsigned{Parser::FLAG_PARTIAL} : 0U);
  const auto last_letters = folded.size() - (folded.find_last_of(" \"-") + 1);
  parser_.set_max_expansion(words_begun(last_letters), Xapian::Query::WILDCARD_LIMIT_MOST_FREQUENT,
                            Parser::FLAG_PARTIAL);
  parser_.set_default_op(words == Words::all ? Xapian::Query::OP_AND : Xapian::Query::OP_OR);
  if (beginning && last_letters == folded.size() && last_letters > 0) return lone(folded);
  auto query = words_of(words == Words::all ? folded : loosened(folded), flags, "");
  for (const auto& joined : joined_words(folded))
    query = Xapian::Query(Xapian::Query::OP_OR, query, words_of(joined, flags, ""));
  if (const auto code = code_term(trimmed(folded)); !code.empty()) {
    const Xapian::Query whole(code);
    query = Xapian::Query(Xapian::Query::OP_OR, query,
                          Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, whole, code_scale));
  }
  if (query.empty()) return {};
  const auto matching = query * 0.0;
  parser_.set_default_op(Xapian::Query::OP_OR);
  const auto title = words_of(folded, flags, std::string(title_prefix));
  if (title.empty()) return {query, {}, matching};
  return {{Xapian::Query::OP_AND_MAYBE, query, title * title_scale}, {}, matching};
}

/// Words that begin so in what names a product, the most frequent first.
std::vector<std::pair<Xapian::doccount, std::string>> TextQuery::titles_begun(
    const std::string& word) const {
  std::vector<std::pair<Xapian::doccount, std::string>> terms;
  const auto prefix = std::string(title_prefix) + word;
  for (auto term = db_.allterms_begin(prefix); term != db_.allterms_end(prefix); ++term)
    terms.emplace_back(term.get_termfreq(), *term);
  const auto most = std::min<std::size_t>(terms.size(), words_begun(word.size()));
  std::partial_sort(terms.begin(), terms.begin() + static_cast<std::ptrdiff_t>(most), terms.end(),
                    [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  terms.resize(most);
  return terms;
}

/// One word that may go on stands for so many others, each in so many products, that to weigh them
/// all costs more than it tells. What it finds is not weighed, but for the word itself and for what
/// it begins in titles, as far as that is little.
TextQuery::Parsed TextQuery::lone(const std::string& word) {
  using Query = Xapian::Query;
  const auto term = code_term(word);
  const auto code = term.empty() ? Query() : Query(term);
  const auto whole = words_of(word, syntax, "");
  const auto title = words_of(word, syntax, std::string(title_prefix));
  std::vector<Query> begun, weighed;
  Xapian::doccount titles = 0;
  for (const auto& [documents, begins] : titles_begun(word)) {
    titles += documents;
    if (weighed.empty() || titles <= weighed_max) weighed.emplace_back(begins);
    begun.emplace_back(begins);
  }
  auto found = Query(Query::OP_OR, begun.begin(), begun.end());
  // Less begins words of nearly every description: there it is a whole word.
  if (word.size() >= letters_min)
    found = words_of(word, syntax | unsigned{Parser::FLAG_PARTIAL}, "");
  const auto in_titles = title | Query(Query::OP_SYNONYM, weighed.begin(), weighed.end());
  auto best = whole | code * code_scale | in_titles * title_scale;
  const auto matching = (found | best) * 0.0;
  return {{Query::OP_AND_MAYBE, matching, best}, best, matching};
}

bool TextQuery::is_known(const std::string& word) const {
  return db_.term_exists(word) || db_.term_exists("Z" + stemmer_(word));
}

std::optional<std::string> TextQuery::corrected(const std::string& folded) const {
  std::string text;
  bool is_changed = false;
  for (std::size_t at = 0; at < folded.size();) {
    auto end = at;
    while (end < folded.size() && is_word_byte(folded[end])) ++end;
    auto word = folded.substr(at, std::max<std::size_t>(1, end - at));
    at += word.size();
    const bool may_be_wrong = word.size() >= word_bytes_min && word.size() <= word_bytes_max &&
                              word.find_first_of("0123456789") == std::string::npos;
    if (may_be_wrong && !is_known(word)) {
      const unsigned edits = word.size() < 5 ? 1 : 2;
      auto near = db_.get_spelling_suggestion(word, edits);
      if (!near.empty() && near != word) {
        word = std::move(near);
        is_changed = true;
      }
    }
    text += word;
  }
  return is_changed ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace stoa::xapian
