#include "kernel/http/multipart.hpp"

#include <algorithm>
#include <optional>

#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

constexpr std::size_t parts_max = 20;
constexpr std::size_t header_bytes_max = 8'192;
constexpr std::size_t boundary_bytes_max = 70;  // of RFC 2046

std::unexpected<Error> malformed(const std::string& detail) {
  return fail(ErrorKind::malformed, "malformed_multipart", detail);
}

/// A header's value and its parameters: `form-data; name="a"; filename="b.csv"`.
class Parameters {
 public:
  explicit Parameters(std::string_view text) : rest_(text) {
    const auto end = std::min(rest_.find(';'), rest_.size());
    value_ = trim(rest_.substr(0, end));
    rest_.remove_prefix(end);
  }
  [[nodiscard]] std::string_view value() const { return value_; }

  /// The next parameter; nothing at the end or where the text is not well-formed.
  std::optional<std::pair<std::string, std::string>> next() {
    if (!rest_.starts_with(';')) return std::nullopt;
    rest_.remove_prefix(1);
    const auto equals = rest_.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    auto name = ascii_lower(trim(rest_.substr(0, equals)));
    rest_.remove_prefix(equals + 1);
    if (rest_.starts_with('"')) {
      auto text = quoted();
      if (!text) return std::nullopt;
      return std::pair(std::move(name), std::move(*text));
    }
    const auto end = std::min(rest_.find(';'), rest_.size());
    std::string text(trim(rest_.substr(0, end)));
    rest_.remove_prefix(end);
    return std::pair(std::move(name), std::move(text));
  }
  /// Whether all of it was well-formed; after the last `next`.
  [[nodiscard]] bool is_at_end() const { return trim(rest_).empty(); }

 private:
  std::optional<std::string> quoted() {
    std::string text;
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      char c = rest_[at];
      if (c == '"') {
        rest_.remove_prefix(at + 1);
        while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
        return text;
      }
      // Browsers write %22 for a quote; a backslash before anything else is one of a path.
      if (c == '\\' && at + 1 < rest_.size() && (rest_[at + 1] == '"' || rest_[at + 1] == '\\'))
        c = rest_[++at];
      text += c;
    }
    return std::nullopt;
  }

  std::string_view rest_;
  std::string_view value_;
};

std::optional<std::string> boundary_of(std::string_view content_type) {
  Parameters parameters(content_type);
  std::optional<std::string> boundary;
  while (auto one = parameters.next())
    if (one->first == "boundary" && !boundary) boundary = std::move(one->second);
  if (!boundary || boundary->empty() || boundary->size() > boundary_bytes_max ||
      boundary->ends_with(' '))
    return std::nullopt;
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  return std::all_of(boundary->begin(), boundary->end(), allowed) ? boundary : std::nullopt;
}

Result<void> read_header(std::string_view line, FormPart& part, bool& is_form_data) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return malformed("A part has a line among its headers that is none.");
  const auto name = line.substr(0, colon);
  const auto value = trim(line.substr(colon + 1));
  if (!is_utf8(value) || has_control_characters(value, false))
    return malformed("A header of a part is not UTF-8 or has control characters.");
  if (ascii_iequals(name, "content-type")) part.content_type = value;
  if (!ascii_iequals(name, "content-disposition")) return {};
  Parameters parameters(value);
  is_form_data = ascii_iequals(parameters.value(), "form-data");
  while (auto one = parameters.next()) {
    if (one->first == "name")
      part.name = std::move(one->second);
    else if (one->first == "filename")
      part.file_name = std::move(one->second);
  }
  if (!parameters.is_at_end()) return malformed("A Content-Disposition is not well-formed.");
  return {};
}

/// Reads the headers of a part; `at` then stands at its content.
Result<FormPart> read_headers(std::string_view body, std::size_t& at) {
  FormPart part;
  bool is_form_data = false;
  const auto begin = at;
  for (;;) {
    const auto end =
        body.substr(0, std::min(begin + header_bytes_max, body.size())).find("\r\n", at);
    if (end == std::string_view::npos)
      return malformed("The headers of a part do not end, or are longer than 8 kB.");
    const auto line = body.substr(at, end - at);
    at = end + 2;
    if (line.empty()) break;
    if (auto good = read_header(line, part, is_form_data); !good) return fail(good.error());
  }
  if (!is_form_data || part.name.empty())
    return malformed("A part has no Content-Disposition of form-data with a name.");
  return part;
}

/// What stands behind a delimiter.
enum class Behind { part, end, nothing };

Behind behind_delimiter(std::string_view body, std::size_t& at) {
  const bool closes = body.substr(at).starts_with("--");
  if (closes) at += 2;
  while (at < body.size() && (body[at] == ' ' || body[at] == '\t')) ++at;
  if (closes && at >= body.size()) return Behind::end;
  if (!body.substr(at).starts_with("\r\n")) return Behind::nothing;
  at += 2;
  return closes ? Behind::end : Behind::part;
}

}  // namespace

Result<std::vector<FormPart>> read_form(std::string_view content_type, std::string_view body) {
  if (!ascii_iequals(Parameters(content_type).value(), "multipart/form-data"))
    return fail(ErrorKind::unsupported_media, "unsupported_media_type",
                "The body must be declared as multipart/form-data.");
  const auto boundary = boundary_of(content_type);
  if (!boundary) return malformed("The Content-Type has no usable boundary.");
  const auto delimiter = "\r\n--" + *boundary;
  std::vector<FormPart> parts;
  // The first delimiter may begin the body; before it stands what is to be ignored.
  std::size_t content = std::string_view::npos;
  std::size_t found =
      body.starts_with(std::string_view(delimiter).substr(2)) ? 0 : body.find(delimiter);
  std::size_t length =
      found == 0 && !body.starts_with("\r\n") ? delimiter.size() - 2 : delimiter.size();
  while (found != std::string_view::npos) {
    auto at = found + length;
    length = delimiter.size();
    const auto behind = behind_delimiter(body, at);
    if (behind == Behind::nothing) {  // a longer line that only begins like a delimiter
      found = body.find(delimiter, found + 1);
      continue;
    }
    if (content != std::string_view::npos)
      parts.back().content = body.substr(content, found > content ? found - content : 0);
    if (behind == Behind::end) return parts;
    if (parts.size() == parts_max) return malformed("The form has more than 20 parts.");
    auto part = read_headers(body, at);
    if (!part) return fail(std::move(part.error()));
    parts.push_back(std::move(*part));
    content = at;
    // The line end of the last header may be that of a delimiter at once: an empty part.
    found = body.find(delimiter, at - 2);
  }
  return malformed("The form does not end with its closing delimiter.");
}

}  // namespace stoa::http
