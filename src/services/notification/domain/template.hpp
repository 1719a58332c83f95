#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa::notification {

struct Scope;
/// A text, or a list of scopes. An empty one is false.
using TemplateValue = std::variant<std::string, std::vector<Scope>>;
/// What a template may speak of, by name.
struct Scope {
  std::map<std::string, TemplateValue, std::less<>> members;
};

/// The names that a template may use: texts, and lists with the names within them.
struct Vocabulary {
  std::map<std::string, std::vector<std::string>, std::less<>> names;  ///< empty: a text
};

/// A template in the logic-less language Mustache: `{{name}}`, `{{#name}}…{{/name}}` once for each
/// item of a list or once for a text that is not empty, `{{^name}}…{{/name}}` for what is empty,
/// `{{! a remark }}`. A line that holds nothing but such a bracket leaves no empty line. There are
/// no unescaped values, partials or other delimiters. Parsed once; immutable.
class Template {
 public:
  /// `wrong_template` (invalid): the detail begins with the place, `line 2, column 5: …`. A name
  /// that the vocabulary does not know is a fault too.
  static Result<Template> parse(std::string_view text, const Vocabulary& vocabulary);

  enum class Escape { none, html };
  /// `message_too_long` (invalid) beyond a million bytes.
  [[nodiscard]] Result<std::string> render(const Scope& scope, Escape escape) const;

  struct Node;

 private:
  std::shared_ptr<const std::vector<Node>> nodes_;  ///< shared by copies: it never changes
};

}  // namespace stoa::notification
