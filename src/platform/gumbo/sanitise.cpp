#include "platform/gumbo/sanitise.hpp"

#include <gumbo.h>

#include <algorithm>
#include <array>
#include <memory>

#include "kernel/base/text.hpp"

namespace stoa::gumbo {
namespace {

/// Deeper markup is written as text: neither parser nor reader must recurse without a bound.
constexpr int depth_max = 256;

constexpr std::array tags{
    GUMBO_TAG_A,     GUMBO_TAG_ABBR,   GUMBO_TAG_B,          GUMBO_TAG_BLOCKQUOTE,
    GUMBO_TAG_BR,    GUMBO_TAG_CODE,   GUMBO_TAG_CAPTION,    GUMBO_TAG_CITE,
    GUMBO_TAG_DD,    GUMBO_TAG_DEL,    GUMBO_TAG_DIV,        GUMBO_TAG_DL,
    GUMBO_TAG_DT,    GUMBO_TAG_EM,     GUMBO_TAG_FIGCAPTION, GUMBO_TAG_FIGURE,
    GUMBO_TAG_H1,    GUMBO_TAG_H2,     GUMBO_TAG_H3,         GUMBO_TAG_H4,
    GUMBO_TAG_H5,    GUMBO_TAG_H6,     GUMBO_TAG_HR,         GUMBO_TAG_I,
    GUMBO_TAG_IMG,   GUMBO_TAG_INS,    GUMBO_TAG_LI,         GUMBO_TAG_OL,
    GUMBO_TAG_P,     GUMBO_TAG_PRE,    GUMBO_TAG_S,          GUMBO_TAG_SMALL,
    GUMBO_TAG_SPAN,  GUMBO_TAG_STRONG, GUMBO_TAG_SUB,        GUMBO_TAG_SUP,
    GUMBO_TAG_TABLE, GUMBO_TAG_TBODY,  GUMBO_TAG_TD,         GUMBO_TAG_TFOOT,
    GUMBO_TAG_TH,    GUMBO_TAG_THEAD,  GUMBO_TAG_TR,         GUMBO_TAG_U,
    GUMBO_TAG_UL};

/// Their contents are no text of the page.
constexpr std::array dropped{
    GUMBO_TAG_SCRIPT,   GUMBO_TAG_STYLE,    GUMBO_TAG_IFRAME,   GUMBO_TAG_OBJECT,
    GUMBO_TAG_EMBED,    GUMBO_TAG_NOSCRIPT, GUMBO_TAG_TEMPLATE, GUMBO_TAG_TITLE,
    GUMBO_TAG_TEXTAREA, GUMBO_TAG_SELECT,   GUMBO_TAG_SVG,      GUMBO_TAG_MATH,
    GUMBO_TAG_NOFRAMES, GUMBO_TAG_NOEMBED,  GUMBO_TAG_XMP,      GUMBO_TAG_PLAINTEXT};

constexpr std::array<std::string_view, 8> plain_attributes{"alt",     "title",   "width", "height",
                                                           "colspan", "rowspan", "lang",  "dir"};

template <class List, class T>
bool has(const List& list, const T& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// Bytes of the control character at this place, 0 when it is none; tabs and line ends are text.
std::size_t control_bytes(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte == '\t' || byte == '\n' || byte == '\r') return 0;
  if (byte < 0x20 || byte == 0x7f) return 1;
  if (byte != 0xC2 || at + 1 == text.size()) return 0;
  const auto next = static_cast<unsigned char>(text[at + 1]);
  return next >= 0x80 && next <= 0x9f ? 2 : 0;
}

std::string without_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (const auto bytes = control_bytes(text, at); bytes > 0)
      at += bytes;
    else
      out += text[at++];
  }
  return out;
}

/// Entities can bring control characters back in: they are dropped here too.
void escape(std::string& out, std::string_view text) {
  for (const char c : without_controls(text)) {
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
      default:
        out += c;
    }
  }
}

/// Browsers drop control characters and spaces before they look for the scheme; so do we.
bool is_safe_address(std::string_view address) {
  std::string scheme;
  for (const char c : address) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) continue;
    if (c == '/' || c == '?' || c == '#') return true;  // relative
    if (c == ':')
      return scheme == "http" || scheme == "https" || scheme == "mailto" || scheme == "tel";
    scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return true;
}

void write_attributes(std::string& out, const GumboElement& element) {
  for (unsigned at = 0; at < element.attributes.length; ++at) {
    const auto* attribute = static_cast<const GumboAttribute*>(element.attributes.data[at]);
    const std::string_view name = attribute->name;
    const bool address = (name == "href" && element.tag == GUMBO_TAG_A) ||
                         (name == "src" && element.tag == GUMBO_TAG_IMG);
    if (address ? !is_safe_address(attribute->value) : !has(plain_attributes, name)) continue;
    out.append(" ").append(name).append("=\"");
    escape(out, attribute->value);
    out += '"';
  }
  if (element.tag == GUMBO_TAG_A) out += " rel=\"noopener nofollow\"";
}

void write_children(std::string& out, const GumboVector& children, int depth);

void write_node(std::string& out, const GumboNode& node, int depth) {
  switch (node.type) {
    case GUMBO_NODE_TEXT:
    case GUMBO_NODE_WHITESPACE:
    case GUMBO_NODE_CDATA:
      escape(out, node.v.text.text);
      return;
    case GUMBO_NODE_ELEMENT:
      break;
    default:
      return;
  }
  const auto& element = node.v.element;
  if (has(dropped, element.tag) || element.tag_namespace != GUMBO_NAMESPACE_HTML ||
      depth > depth_max)
    return;
  if (!has(tags, element.tag)) return write_children(out, element.children, depth + 1);
  const std::string_view name = gumbo_normalized_tagname(element.tag);
  out.append("<").append(name);
  write_attributes(out, element);
  out += '>';
  if (element.tag == GUMBO_TAG_BR || element.tag == GUMBO_TAG_HR || element.tag == GUMBO_TAG_IMG)
    return;
  write_children(out, element.children, depth + 1);
  out.append("</").append(name).append(">");
}

void write_children(std::string& out, const GumboVector& children, int depth) {
  for (unsigned at = 0; at < children.length; ++at)
    write_node(out, *static_cast<const GumboNode*>(children.data[at]), depth);
}

bool nests_too_deep(std::string_view html) {
  int depth = 0;
  for (std::size_t at = 0; at + 1 < html.size(); ++at) {
    if (html[at] != '<') continue;
    const char next = html[at + 1];
    if (next == '/')
      depth = std::max(0, depth - 1);
    else if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'))
      ++depth;
    // Tags without an end, such as <br> and <p>, count too: room for many of them.
    if (depth > 16 * depth_max) return true;
  }
  return false;
}

/// One pass: the tree that a browser would make of it, written without what may harm.
std::string sanitise_once(const std::string& html) {
  std::string out;
  const std::unique_ptr<GumboOutput, void (*)(GumboOutput*)> parsed(
      gumbo_parse_with_options(&kGumboDefaultOptions, html.data(), html.size()),
      [](GumboOutput* output) { gumbo_destroy_output(&kGumboDefaultOptions, output); });
  const auto& root = parsed->root->v.element.children;
  for (unsigned at = 0; at < root.length; ++at) {
    const auto* node = static_cast<const GumboNode*>(root.data[at]);
    if (node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == GUMBO_TAG_BODY)
      write_children(out, node->v.element.children, 0);
  }
  return out;
}

/// A parser may read another tree than was written: a few passes settle nearly all of them.
constexpr int passes_max = 4;

}  // namespace

std::string sanitise(std::string_view input) {
  auto html = without_controls(input);
  if (!nests_too_deep(html)) {
    for (int pass = 0; pass < passes_max; ++pass) {
      auto next = sanitise_once(html);
      if (next == html) return next;
      html = std::move(next);
    }
  }
  std::erase(html, '\r');  // which a parser would read as a line end
  std::string text;
  escape(text, trim(html));
  return text;
}

}  // namespace stoa::gumbo
