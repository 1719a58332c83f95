#include "services/notification/application/template_book.hpp"

#include <set>

namespace stoa::notification {

const Vocabulary& vocabulary() {
  static const Vocabulary names{{
      {"shop_name", {}},
      {"customer_name", {}},
      {"order_number", {}},
      {"order_id", {}},
      {"placed_on", {}},
      {"total", {}},
      {"lines", {"title", "sku", "quantity", "unit_price", "total"}},
      {"out_of_stock", {}},
      {"payment_failed", {}},
      {"reason", {}},
      {"refund_amount", {}},
      {"units", {"title", "sku", "quantity"}},
      {"remaining", {"title", "sku", "quantity"}},
      {"carrier", {}},
      {"tracking_number", {}},
      {"tracking_url", {}},
  }};
  return names;
}

bool has_decimal_comma(std::string_view language) {
  static const std::set<std::string_view> languages{"bg", "ca", "cs", "da", "de", "el", "es", "et",
                                                    "fi", "fr", "hr", "hu", "id", "is", "it", "lt",
                                                    "lv", "nb", "nl", "nn", "no", "pl", "pt", "ro",
                                                    "ru", "sk", "sl", "sr", "sv", "tr", "uk", "vi"};
  const bool has_point = language == "de-CH" || language == "de-LI" || language == "it-CH" ||
                         language == "es-MX" || language == "es-US";
  return !has_point && languages.contains(language.substr(0, language.find('-')));
}

void TemplateBook::replace(std::vector<StoredTemplate> stored) {
  std::map<TemplateKey, StoredTemplate> all;
  for (auto& one : stored) {
    const auto key = one.key;
    all.emplace(key, std::move(one));
  }
  const std::lock_guard lock(mutex_);
  stored_ = std::move(all);
}

void TemplateBook::put(StoredTemplate stored) {
  const std::lock_guard lock(mutex_);
  const auto key = stored.key;
  stored_.insert_or_assign(key, std::move(stored));
}

void TemplateBook::remove(const TemplateKey& key) {
  const std::lock_guard lock(mutex_);
  stored_.erase(key);
}

std::optional<StoredTemplate> TemplateBook::find(const TemplateKey& key) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = stored_.find(key); at != stored_.end()) return at->second;
  }
  const auto& built_in = built_in_templates();
  const auto at = built_in.find(key);
  if (at == built_in.end()) return std::nullopt;
  return StoredTemplate{key, 0, at->second};
}

std::optional<StoredTemplate> TemplateBook::best(TemplateKey key) const {
  while (true) {
    if (auto found = find(key)) return found;
    const auto hyphen = key.language.rfind('-');
    if (hyphen == std::string::npos) break;
    key.language.resize(hyphen);
  }
  key.language = default_language;
  return find(key);
}

std::vector<StoredTemplate> TemplateBook::all() const {
  std::map<TemplateKey, StoredTemplate> all;
  for (const auto& [key, text] : built_in_templates())
    all.emplace(key, StoredTemplate{key, 0, text});
  const std::lock_guard lock(mutex_);
  for (const auto& [key, stored] : stored_) all.insert_or_assign(key, stored);
  std::vector<StoredTemplate> sorted;
  for (auto& [key, stored] : all) sorted.push_back(std::move(stored));
  return sorted;
}

}  // namespace stoa::notification
