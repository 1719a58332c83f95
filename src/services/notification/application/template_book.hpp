#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/language.hpp"
#include "services/notification/domain/notification.hpp"
#include "services/notification/domain/template.hpp"

namespace stoa::notification {

/// What a template consists of; an SMS has a text alone.
struct TemplateText {
  std::string subject, text, html;
  friend bool operator==(const TemplateText&, const TemplateText&) = default;
};

struct TemplateKey {
  Kind kind = Kind::order_confirmed;
  Channel channel = Channel::email;
  std::string language;  ///< canonical, as `canonical_language` gives it
  friend auto operator<=>(const TemplateKey&, const TemplateKey&) = default;
};

/// A template as a merchant stored it; revision 0 is built in.
struct StoredTemplate {
  TemplateKey key;
  std::int64_t revision = 0;
  TemplateText text;
};

/// The names that templates may use.
const Vocabulary& vocabulary();

inline constexpr std::string_view default_language = "en";
/// Whether decimals are written with a comma in the language.
bool has_decimal_comma(std::string_view language);

/// The templates that come with Stoa: every kind and channel in English and German.
const std::map<TemplateKey, TemplateText>& built_in_templates();

/// The templates in use: a merchant's, where there is one, before the built-in one. Thread-safe.
class TemplateBook {
 public:
  TemplateBook() = default;
  explicit TemplateBook(std::vector<StoredTemplate> stored) { replace(std::move(stored)); }

  /// What is given is all that a merchant has.
  void replace(std::vector<StoredTemplate> stored);
  void put(StoredTemplate stored);
  void remove(const TemplateKey& key);

  /// Of just this language.
  [[nodiscard]] std::optional<StoredTemplate> find(const TemplateKey& key) const;
  /// For a customer of the language: `de-AT`, then `de`, then English. Every kind has one in
  /// English, so there always is one, but by SMS only for the kinds told by SMS.
  [[nodiscard]] std::optional<StoredTemplate> best(TemplateKey key) const;
  /// All, sorted.
  [[nodiscard]] std::vector<StoredTemplate> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<TemplateKey, StoredTemplate> stored_;
};

}  // namespace stoa::notification
