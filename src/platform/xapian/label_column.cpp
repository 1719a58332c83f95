#include "platform/xapian/label_column.hpp"

#include <algorithm>

#include "platform/xapian/layout.hpp"

namespace stoa::xapian {
namespace {

constexpr std::size_t bytes_unused_max = std::size_t{1} << 20;  ///< before the column is made anew

}  // namespace

void LabelColumn::load(const Xapian::Database& db) {
  forget();
  places_.resize(std::size_t{db.get_lastdocid()} + 1);
  const auto end = db.valuestream_end(labels_slot);
  for (auto value = db.valuestream_begin(labels_slot); value != end; ++value)
    set(value.get_docid(), *value);
  is_loaded_ = true;
}

void LabelColumn::update(const Xapian::Database& db, std::vector<Xapian::docid> changed) {
  if (bytes_unused_ > bytes_unused_max) return load(db);
  std::ranges::sort(changed);  // to go through the values once
  auto value = db.valuestream_begin(labels_slot);
  const auto end = db.valuestream_end(labels_slot);
  for (const auto document : changed) {
    if (value != end) value.skip_to(document);
    const bool has_value = value != end && value.get_docid() == document;
    set(document, has_value ? *value : std::string());
  }
}

void LabelColumn::set(Xapian::docid document, std::string_view packed) {
  if (document >= places_.size()) places_.resize(std::size_t{document} + 1);
  auto& place = places_[document];
  if (of(document) == packed) return;
  bytes_unused_ += place.size;
  place = {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(packed.size())};
  bytes_.append(packed);
}

}  // namespace stoa::xapian
