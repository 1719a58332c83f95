#pragma once

#include <xapian.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stoa::xapian {

/// The packed labels of every document of one database, in memory: to count those of ten thousand
/// documents, Xapian would read as many values from its blocks. 8 bytes a document besides what is
/// packed. One thread at a time; throws Xapian::Error.
class LabelColumn {
 public:
  [[nodiscard]] bool is_loaded() const { return is_loaded_; }
  void load(const Xapian::Database& db);
  /// Takes what `db` says of documents whose labels may have changed.
  void update(const Xapian::Database& db, std::vector<Xapian::docid> changed);
  void forget() { *this = {}; }

  /// For `unpack`; empty for a document that is not there. Good until the next change.
  [[nodiscard]] std::string_view of(Xapian::docid document) const {
    if (document >= places_.size()) return {};
    const auto& place = places_[document];
    return std::string_view(bytes_).substr(place.begin, place.size);
  }

 private:
  struct Place {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };

  void set(Xapian::docid document, std::string_view packed);

  bool is_loaded_ = false;
  std::vector<Place> places_;  ///< by document
  std::string bytes_;
  std::size_t bytes_unused_ = 0;
};

}  // namespace stoa::xapian
