#include "platform/xapian/writer.hpp"

#include <xapian.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "platform/xapian/language.hpp"
#include "platform/xapian/translate.hpp"

namespace stoa::xapian {
namespace {

constexpr unsigned title_weight = 6;
constexpr unsigned named_weight = 3;  ///< words that say what a thing is, nearly like its title
constexpr std::size_t labels_remembered_max = 200'000;

std::string stamp_of(const std::string& language) {
  return std::string(layout_version) + "/" + language;
}

/// Numbers, n-grams and long codes are no words that a correction should offer.
bool is_spellable(std::string_view word) {
  return word.size() >= 3 && word.size() <= 40 &&
         std::ranges::none_of(word, [](char c) { return (c >= '0' && c <= '9') || c == '_'; });
}

class TheWriter final : public DatabaseWriter {
 public:
  TheWriter(std::string path, Xapian::WritableDatabase db, WriterOptions options)
      : path_(std::move(path)), db_(std::move(db)), options_(std::move(options)) {
    words_.set_stemmer(make_stemmer(options_.language));
    words_.set_flags(Xapian::TermGenerator::FLAG_CJK_NGRAM);
    offered_.set_stemming_strategy(Xapian::TermGenerator::STEM_NONE);
    db_.begin_transaction();  // else Xapian commits by itself after so many documents
  }

  void put(const search::Document& document) override {
    translated([&] {
      Xapian::Document made;
      add_words(made, document);
      add_labels(made, document);
      for (const auto& number : document.numbers)
        made.add_value(slot_of(number.field), slot_value(encode_number(number.value), document.id));
      made.set_data(document.id);
      const auto term = id_term(document.id);
      made.add_boolean_term(term);
      const auto old = find(document.id);
      respell(old, made);
      const auto at = old == 0 ? db_.add_document(made) : old;
      if (old != 0) db_.replace_document(old, made);
      put_.push_back(at);
    });
  }

  bool set_number(const std::string& id, const search::Number& number) override {
    return translated([&] {
      const auto at = find(id);
      if (at == 0) return false;
      auto document = db_.get_document(at);
      document.add_value(slot_of(number.field), slot_value(encode_number(number.value), id));
      db_.replace_document(at, document);  // Xapian sees that no term has changed
      return true;
    });
  }

  bool has(const std::string& id, const search::Label& label) override {
    return translated([&] {
      const auto at = find(id);
      const auto number = known_number(label);
      if (at == 0 || !number) return false;
      const auto term = label_term(*number);
      auto posting = db_.postlist_begin(term);
      const auto end = db_.postlist_end(term);
      if (posting != end) posting.skip_to(at);
      return posting != end && *posting == at;
    });
  }

  std::string note(const std::string& name) override {
    return translated([&] { return db_.get_metadata(key::note(name)); });
  }
  void set_note(const std::string& name, const std::string& value) override {
    translated([&] { db_.set_metadata(key::note(name), value); });
  }

  search::Checkpoint checkpoint() override {
    return translated([&] {
      const auto position = db_.get_metadata(std::string(key::position));
      return search::Checkpoint{position.empty() ? 0 : std::stoll(position),
                                db_.get_metadata(std::string(key::trace))};
    });
  }
  void set_checkpoint(const search::Checkpoint& checkpoint) override {
    translated([&] {
      db_.set_metadata(std::string(key::position), std::to_string(checkpoint.position));
      db_.set_metadata(std::string(key::trace), checkpoint.trace);
    });
  }

  void commit() override {
    options_.committing(std::exchange(put_, {}));
    translated([&] {
      db_.commit_transaction();
      db_.begin_transaction();
    });
    options_.committed();
  }
  void close() override {
    translated([&] {
      db_.commit_transaction();
      db_.close();
    });
  }
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  void add_words(Xapian::Document& made, const search::Document& document) {
    words_.set_document(made);
    words_.set_termpos(0);
    offered_.set_document(made);
    add_text(document.title, title_weight);
    words_.index_text_without_positions(options_.fold(document.title), title_weight,
                                        std::string(title_prefix));
    for (const auto& [text, weight] : document.words) add_text(text, static_cast<unsigned>(weight));
    for (const auto& code : document.codes)
      if (const auto term = code_term(options_.fold(code)); !term.empty()) made.add_term(term);
    made.add_value(title_slot, slot_value(title_key(options_.fold(document.title)), document.id));
  }

  void add_text(const std::string& text, unsigned weight) {
    const auto folded = options_.fold(text);
    words_.index_text(folded, weight);
    words_.increase_termpos();
    if (weight >= named_weight && weight < title_weight)
      words_.index_text_without_positions(folded, 1, std::string(title_prefix));
    for (const auto& joined : joined_words(folded))
      words_.index_text_without_positions(joined, weight);
    if (weight > 1) offered_.index_text_without_positions(folded, 0, std::string(offered_prefix));
  }

  void add_labels(Xapian::Document& made, const search::Document& document) {
    std::set<std::uint32_t> numbers;
    for (const auto& label : document.labels) numbers.insert(number_of(label));
    for (const auto number : numbers) made.add_boolean_term(label_term(number));
    made.add_value(labels_slot, pack({numbers.begin(), numbers.end()}));
  }

  /// 0 for none.
  Xapian::docid find(const std::string& id) {
    const auto term = id_term(id);
    const auto posting = db_.postlist_begin(term);
    return posting == db_.postlist_end(term) ? 0 : *posting;
  }

  template <class Source>
  static std::set<std::string> offered_words(const Source& source, Xapian::docid at) {
    std::set<std::string> words;
    const auto end = end_of(source, at);
    auto term = begin_of(source, at);
    for (term.skip_to(std::string(offered_prefix)); term != end; ++term) {
      if (!(*term).starts_with(offered_prefix)) break;
      auto word = (*term).substr(offered_prefix.size());
      if (is_spellable(word)) words.insert(std::move(word));
    }
    return words;
  }
  static Xapian::TermIterator begin_of(const Xapian::Document& document, Xapian::docid) {
    return document.termlist_begin();
  }
  static Xapian::TermIterator end_of(const Xapian::Document& document, Xapian::docid) {
    return document.termlist_end();
  }
  static Xapian::TermIterator begin_of(const Xapian::Database& db, Xapian::docid at) {
    return db.termlist_begin(at);
  }
  static Xapian::TermIterator end_of(const Xapian::Database& db, Xapian::docid at) {
    return db.termlist_end(at);
  }

  /// A word's count in the dictionary is that of the documents that offer it.
  void respell(Xapian::docid old, const Xapian::Document& made) {
    const auto after = offered_words(made, 0);
    const auto before = old == 0 ? std::set<std::string>{} : offered_words(db_, old);
    for (const auto& word : after)
      if (!before.contains(word)) db_.add_spelling(word);
    for (const auto& word : before)
      if (!after.contains(word)) db_.remove_spelling(word);
  }

  std::optional<std::uint32_t> known_number(const search::Label& label) {
    const auto known = numbers_.find(label);
    if (known != numbers_.end()) return known->second;
    const auto stored = db_.get_metadata(key::label(label.field, label.value));
    if (stored.empty()) return std::nullopt;
    if (numbers_.size() >= labels_remembered_max) numbers_.clear();
    return numbers_[label] = static_cast<std::uint32_t>(std::stoul(stored));
  }

  std::uint32_t number_of(const search::Label& label) {
    if (const auto known = known_number(label)) return *known;
    const auto count = counter(key::labels, 0);
    db_.set_metadata(std::string(key::labels), std::to_string(count + 1));
    db_.set_metadata(key::label(label.field, label.value), std::to_string(count));
    db_.set_metadata(key::label_at(count), join_label(label.field, label.value));
    return numbers_[label] = count;
  }

  unsigned slot_of(const std::string& field) {
    const auto known = slots_.find(field);
    if (known != slots_.end()) return known->second;
    const auto stored = db_.get_metadata(key::slot(field));
    if (!stored.empty()) return slots_[field] = static_cast<unsigned>(std::stoul(stored));
    const auto next = counter(key::slots, first_number_slot);
    db_.set_metadata(std::string(key::slots), std::to_string(next + 1));
    db_.set_metadata(key::slot(field), std::to_string(next));
    return slots_[field] = next;
  }

  std::uint32_t counter(std::string_view name, std::uint32_t initial) {
    const auto stored = db_.get_metadata(std::string(name));
    return stored.empty() ? initial : static_cast<std::uint32_t>(std::stoul(stored));
  }

  std::string path_;
  Xapian::WritableDatabase db_;
  WriterOptions options_;
  Xapian::TermGenerator words_;
  Xapian::TermGenerator offered_;
  std::map<search::Label, std::uint32_t> numbers_;
  std::map<std::string, unsigned> slots_;
  std::vector<Xapian::docid> put_;  ///< since the last commit
};

}  // namespace

std::unique_ptr<DatabaseWriter> open_writer(const std::string& path, WriterOptions options) {
  try {
    Xapian::WritableDatabase db(path, Xapian::DB_OPEN);
    if (db.get_metadata(std::string(key::version)) != stamp_of(options.language)) return nullptr;
    return std::make_unique<TheWriter>(path, std::move(db), std::move(options));
  } catch (const Xapian::Error&) {
    return nullptr;
  }
}

std::unique_ptr<DatabaseWriter> create_writer(const std::string& path, WriterOptions options) {
  return translated([&] {
    Xapian::WritableDatabase db(path, Xapian::DB_CREATE_OR_OVERWRITE | Xapian::DB_NO_SYNC);
    db.set_metadata(std::string(key::version), stamp_of(options.language));
    return std::make_unique<TheWriter>(path, std::move(db), std::move(options));
  });
}

}  // namespace stoa::xapian
