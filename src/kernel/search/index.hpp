#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stoa::search {

/// The index could not do it (damaged, disk full): nobody's input is to blame.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A search was given up because it took longer than its time.
class TooSlow : public Failure {
 public:
  using Failure::Failure;
};

/// The index on the disk cannot be read: it must be built anew.
class Damaged : public Failure {
 public:
  using Failure::Failure;
};

/// A value of a document to filter by and to count, such as its vendor.
struct Label {
  std::string field;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

/// A number of a document to sort by and to bound, such as its price.
struct Number {
  std::string field;
  std::int64_t value = 0;
};

/// Words of a document. Their case and accents do not matter.
struct Words {
  std::string text;
  int weight = 1;  ///< how much a word counts beside one of a description; above 1 the word is also
                   ///< offered as a correction and a completion
};

struct Document {
  std::string id;     ///< at most 100 bytes; a second document with it replaces the first
  std::string title;  ///< the words that count most, and the key of the sort `title`
  std::vector<Words> words;
  std::vector<std::string> codes;  ///< found when they are the whole query: SKUs, barcodes
  std::vector<Label> labels;
  std::vector<Number> numbers;  ///< at most one a field
};

/// Documents whose number of the field lies within both bounds; those without one do not.
struct Range {
  std::string field;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
};

/// The sort by title beside those by the fields of numbers.
inline constexpr std::string_view by_title = "title";

struct Query {
  std::string text;           ///< as typed: the last word may be a beginning; empty: everything
  std::vector<Label> labels;  ///< all of them
  std::vector<Range> ranges;  ///< all of them
  std::string sort;           ///< a field of numbers or `by_title`; empty: by relevance
  bool descending = false;
  std::string after;  ///< Hit::cursor of the last hit that the caller has
  int limit = 20;
  bool facets = false;
};

struct Hit {
  std::string id;
  std::string cursor;  ///< opaque bytes; empty where paging ends (`pages_max`)
};

struct Count {
  std::string value;
  std::int64_t documents = 0;
};

struct Facet {
  std::string field;
  std::vector<Count> counts;  ///< most frequent first, then by value; at most `counts_max`
  bool cut = false;           ///< there are more values than counts
};

/// What of the text the hits have.
enum class Matched {
  all,        ///< every word
  corrected,  ///< every word of `corrected`: nothing had the text as it was typed
  any,        ///< some of the words: nothing had all
};

struct Answer {
  std::vector<Hit> hits;
  bool more = false;
  std::int64_t total = 0;
  bool exact = true;  ///< whether total and facets are counted; beyond `counted_max` estimated
  std::vector<Facet> facets;
  Matched matched = Matched::all;
  std::optional<std::string> corrected;  ///< a spelling that finds more, in lower case
};

struct Suggestions {
  std::vector<std::string> texts;  ///< with the last word completed, each finds something
  std::vector<std::string> ids;    ///< of the best documents
};

/// How far an index has come. `trace` names the last event that it has seen, so that an index of
/// another log, or of a future that a restored backup has not, is told from one that is behind.
struct Checkpoint {
  std::int64_t position = 0;
  std::string trace;
};

/// Changes one index. One thread at a time. What was put is seen by searches after `commit`, with
/// the checkpoint set before it, or neither is: also across a crash. Throws Failure.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void put(const Document& document) = 0;
  /// Cheaper than `put`. False when there is no such document.
  virtual bool set_number(const std::string& id, const Number& number) = 0;
  [[nodiscard]] virtual bool has(const std::string& id, const Label& label) = 0;
  /// What a projection remembers beside the documents; empty when never set.
  [[nodiscard]] virtual std::string note(const std::string& key) = 0;
  virtual void set_note(const std::string& key, const std::string& value) = 0;
  [[nodiscard]] virtual Checkpoint checkpoint() = 0;
  virtual void set_checkpoint(const Checkpoint& checkpoint) = 0;
  virtual void commit() = 0;
};

/// A search index in a folder of its own. It can be lost: it is built from what is true elsewhere,
/// a new one beside the live one. Throws Failure.
class Index {
 public:
  static constexpr int counted_max = 10'000;
  static constexpr int pages_max = 10'000;  ///< hits by relevance that paging reaches
  static constexpr int counts_max = 100;

  virtual ~Index() = default;

  /// Nothing when there is no live index of this version that can be read. At most one at a time.
  virtual std::unique_ptr<Writer> open_live() = 0;
  /// An empty index beside the live one. It may not survive a crash.
  virtual std::unique_ptr<Writer> begin() = 0;
  /// Makes what `begin` gave durable and live in one step, removes the one before and gives the
  /// writer of the new. The writer of the one before must be gone.
  virtual std::unique_ptr<Writer> adopt(std::unique_ptr<Writer> fresh) = 0;
  /// Nobody searches the live index any more; it is built anew.
  virtual void discard_live() = 0;
  [[nodiscard]] virtual bool is_live() const = 0;

  // Thread-safe; a Failure when nothing is live, TooSlow beyond the time of a search.
  [[nodiscard]] virtual Answer search(const Query& query) = 0;
  [[nodiscard]] virtual Suggestions suggest(const std::string& text,
                                            const std::vector<Label>& labels, int limit) = 0;
  /// Fields of numbers that begin with `prefix`.
  [[nodiscard]] virtual std::vector<std::string> number_fields(std::string_view prefix) = 0;
  [[nodiscard]] virtual std::int64_t documents() = 0;
};

}  // namespace stoa::search
