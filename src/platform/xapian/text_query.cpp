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
constexpr double code_scale = 100;  ///< a whole SKU is before all else

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

Xapian::Query TextQuery::parse(const std::string& folded, Words words, bool beginning) {
  const unsigned flags = syntax | (beginning ? unsigned{Parser::FLAG_PARTIAL} : 0U);
  const auto last_letters = folded.size() - (folded.find_last_of(" \"-") + 1);
  parser_.set_max_expansion(words_begun(last_letters), Xapian::Query::WILDCARD_LIMIT_MOST_FREQUENT,
                            Parser::FLAG_PARTIAL);
  parser_.set_default_op(words == Words::all ? Xapian::Query::OP_AND : Xapian::Query::OP_OR);
  auto query = words_of(words == Words::all ? folded : loosened(folded), flags, "");
  if (beginning && last_letters > 0 && last_letters < letters_min && last_letters == folded.size())
    // So little begins words of nearly every description: it is a whole word there, or the
    // beginning of one in what names a product.
    query = Xapian::Query(Xapian::Query::OP_OR, words_of(folded, syntax, ""),
                          words_of(folded, flags, std::string(title_prefix)));
  for (const auto& joined : joined_words(folded))
    query = Xapian::Query(Xapian::Query::OP_OR, query, words_of(joined, flags, ""));
  if (const auto code = code_term(trimmed(folded)); !code.empty()) {
    const Xapian::Query whole(code);
    query = Xapian::Query(Xapian::Query::OP_OR, query,
                          Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, whole, code_scale));
  }
  if (query.empty()) return query;
  parser_.set_default_op(Xapian::Query::OP_OR);
  const auto title = words_of(folded, flags, std::string(title_prefix));
  if (title.empty()) return query;
  return {Xapian::Query::OP_AND_MAYBE, query,
          Xapian::Query(Xapian::Query::OP_SCALE_WEIGHT, title, title_scale)};
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
