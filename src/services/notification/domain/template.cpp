#include "services/notification/domain/template.hpp"

#include <algorithm>
#include <optional>

namespace stoa::notification {

struct Template::Node {
  enum class Kind { text, value, section, inverted };
  Kind kind = Kind::text;
  std::string text;  ///< or the name
  std::vector<Node> inner = {};
};

namespace {

using Node = Template::Node;

constexpr std::size_t depth_max = 8;
constexpr std::size_t output_max = 1'000'000;
constexpr std::size_t steps_max = 1'000'000;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, const Vocabulary& vocabulary)
      : text_(text), vocabulary_(vocabulary) {}

  Result<std::vector<Node>> run() {
    while (!error_ && at_ < text_.size()) {
      const auto open = text_.find("{{", at_);
      if (open == text_.npos) {
        add_text(text_.substr(at_));
        break;
      }
      read_tag(open);
    }
    if (!error_ && !open_.empty())
      fault(open_.back().at, "{{#" + open_.back().node.text + "}} is not closed.");
    if (error_) return fail(ErrorKind::invalid, "wrong_template", *error_);
    return std::move(nodes_);
  }

 private:
  struct Open {
    Node node;
    std::size_t at;
  };

  void fault(std::size_t at, const std::string& what) {
    if (error_) return;
    const auto before = text_.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto begin = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
    error_ =
        "line " + std::to_string(line) + ", column " + std::to_string(at - begin + 1) + ": " + what;
  }

  std::vector<Node>& level() { return open_.empty() ? nodes_ : open_.back().node.inner; }

  void add_text(std::string_view text) {
    if (!text.empty()) level().push_back({Node::Kind::text, std::string(text)});
  }

  /// A bracket or remark alone on its line takes the line with it: where the text before ends, and
  /// where the text after begins.
  void cut_line(std::size_t& before_end, std::size_t& after) const {
    auto begin = before_end;
    while (begin > at_ && is_blank(text_[begin - 1])) --begin;
    auto end = after;
    while (end < text_.size() && is_blank(text_[end])) ++end;
    if (end < text_.size() && text_[end] == '\r') ++end;
    const bool begins = begin == 0 || text_[begin - 1] == '\n';
    const bool ends = end == text_.size() || text_[end] == '\n';
    if (!begins || !ends) return;
    before_end = begin;
    after = std::min(end + 1, text_.size());
  }

  void read_tag(std::size_t open) {
    const auto close = text_.find("}}", open);
    if (close == text_.npos) return fault(open, "{{ is not closed by }}.");
    auto inside = trimmed(text_.substr(open + 2, close - open - 2));
    const char sign = inside.empty() ? ' ' : inside.front();
    if (sign == '{' || sign == '&')
      return fault(open, "unescaped values are not allowed: write {{name}}.");
    const bool has_sign = std::string_view("#^/!").find(sign) != std::string_view::npos;
    auto before_end = open;
    auto after = close + 2;
    if (has_sign) {
      inside = trimmed(inside.substr(1));
      cut_line(before_end, after);
    }
    add_text(text_.substr(at_, before_end - at_));
    at_ = after;
    if (sign == '!') return;
    if (!is_name(inside))
      return fault(open, "a name has lower-case letters, digits and underscores alone.");
    if (sign == '/') return close_section(open, inside);
    check_name(open, inside, has_sign);
    if (!has_sign) return level().push_back({Node::Kind::value, std::string(inside)});
    if (open_.size() >= depth_max) return fault(open, "too many brackets within each other.");
    open_.push_back(
        {{sign == '#' ? Node::Kind::section : Node::Kind::inverted, std::string(inside)}, open});
  }

  void close_section(std::size_t at, std::string_view name) {
    if (open_.empty() || open_.back().node.text != name)
      return fault(at, "{{/" + std::string(name) + "}} closes what is not open.");
    auto node = std::move(open_.back().node);
    open_.pop_back();
    level().push_back(std::move(node));
  }

  void check_name(std::size_t at, std::string_view name, bool is_section) {
    for (const auto& [node, _] : open_) {
      if (node.kind != Node::Kind::section) continue;
      const auto list = vocabulary_.names.find(node.text);
      if (list == vocabulary_.names.end()) continue;
      if (std::find(list->second.begin(), list->second.end(), name) != list->second.end()) return;
    }
    const auto known = vocabulary_.names.find(name);
    if (known == vocabulary_.names.end())
      return fault(at, "there is no variable " + std::string(name) + " here.");
    if (!is_section && !known->second.empty())
      fault(at, std::string(name) + " is a list: write {{#" + std::string(name) + "}}…{{/" +
                    std::string(name) + "}}.");
  }

  std::string_view text_;
  const Vocabulary& vocabulary_;
  std::size_t at_ = 0;
  std::vector<Node> nodes_;
  std::vector<Open> open_;
  std::optional<std::string> error_;
};

void append_html(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

class Renderer {
 public:
  explicit Renderer(Template::Escape escape) : escape_(escape) {}

  [[nodiscard]] bool is_too_long() const { return out.size() > output_max || steps_ > steps_max; }

  void run(const std::vector<Node>& nodes, const Scope& scope) {
    ++steps_;
    scopes_.push_back(&scope);
    for (const auto& node : nodes) write(node);
    scopes_.pop_back();
  }
  std::string out;

 private:
  [[nodiscard]] const TemplateValue* find(std::string_view name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto at = (*scope)->members.find(name);
      if (at != (*scope)->members.end()) return &at->second;
    }
    return nullptr;
  }

  void write(const Node& node) {
    if (is_too_long()) return;
    ++steps_;
    if (node.kind == Node::Kind::text) {
      out += node.text;
      return;
    }
    static const Scope same;
    const auto* value = find(node.text);
    const auto* text = value != nullptr ? std::get_if<std::string>(value) : nullptr;
    const auto* list = value != nullptr ? std::get_if<std::vector<Scope>>(value) : nullptr;
    if (node.kind == Node::Kind::value) {
      if (text == nullptr) return;
      escape_ == Template::Escape::html ? append_html(out, *text) : static_cast<void>(out += *text);
      return;
    }
    const bool is_empty = text != nullptr ? text->empty() : list == nullptr || list->empty();
    if (node.kind == Node::Kind::inverted) {
      if (is_empty) run(node.inner, same);
    } else if (list != nullptr) {
      for (const auto& item : *list) {
        if (is_too_long()) return;
        run(node.inner, item);
      }
    } else if (!is_empty) {
      run(node.inner, same);
    }
  }

  Template::Escape escape_;
  std::size_t steps_ = 0;
  std::vector<const Scope*> scopes_;
};

}  // namespace

Result<Template> Template::parse(std::string_view text, const Vocabulary& vocabulary) {
  auto nodes = Parser(text, vocabulary).run();
  if (!nodes) return fail(std::move(nodes.error()));
  Template parsed;
  parsed.nodes_ = std::make_shared<const std::vector<Node>>(std::move(*nodes));
  return parsed;
}

Result<std::string> Template::render(const Scope& scope, Escape escape) const {
  Renderer renderer(escape);
  if (nodes_) renderer.run(*nodes_, scope);
  if (renderer.is_too_long())
    return fail(ErrorKind::invalid, "message_too_long", "The message would be too long.");
  return std::move(renderer.out);
}

}  // namespace stoa::notification
