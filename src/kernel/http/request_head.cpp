#include "kernel/http/request_head.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

using Bytes = std::array<bool, 256>;

constexpr bool is_letter_or_digit(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr Bytes bytes_of(std::string_view marks) {
  Bytes bytes{};
  for (std::size_t c = 0; c < bytes.size(); ++c)
    bytes[c] = is_letter_or_digit(static_cast<unsigned char>(c));
  for (const char c : marks) bytes[static_cast<unsigned char>(c)] = true;
  return bytes;
}

constexpr Bytes of_token = bytes_of("!#$%&'*+-.^_`|~");
/// Of a Host: reg-name, IP literal and port. A comma, which a name may hold, would be a list.
constexpr Bytes of_host = bytes_of("-._~%!$&'()*+;=:[]");

/// VCHAR, obs-text, space and tab.
constexpr bool is_of_value(unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; }
/// A `#` would begin a fragment, which no request has. Beyond ASCII: what many clients do not
/// encode.
constexpr bool is_of_target(unsigned char c) { return c > 0x20 && c != 0x7f && c != '#'; }

template <class Is>
bool all(std::string_view text, Is is) {
  return std::ranges::all_of(text, [&](char c) { return is(static_cast<unsigned char>(c)); });
}
bool all_of(std::string_view text, const Bytes& bytes) {
  return all(text, [&](unsigned char c) { return bytes[c]; });
}
bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

std::string_view without_white_space(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_host(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    port = text.substr(end + 1);
    text = text.substr(1, end - 1);
    if (!all(text, [](unsigned char c) { return is_letter_or_digit(c) || c == ':' || c == '.'; }))
      return false;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    port = text.substr(colon);
    text = text.substr(0, colon);
    if (text.find_first_of("[]") != std::string_view::npos || !all_of(text, of_host)) return false;
  }
  if (text.empty()) return false;
  return port.empty() ||
         (port.starts_with(':') && port.size() <= 6 && all(port.substr(1), is_digit));
}

/// What of the fields decides how the rest of the connection is read.
class Framing {
 public:
  explicit Framing(RequestHead& head) : head_(head) {}

  std::optional<Fault> see(const Field& field) {
    switch (field.name.size()) {
      case 4:
        return is(field, "host") ? host(field.value) : std::nullopt;
      case 6:
        if (is(field, "expect") && ascii_iequals(field.value, "100-continue"))
          head_.expects_continue = true;
        return std::nullopt;
      case 10:
        if (is(field, "connection")) connection(field.value);
        return std::nullopt;
      case 12:
        return once(field, "content-type", seen_type_);
      case 13:
        return once(field, "authorization", seen_authorization_);
      case 14:
        return is(field, "content-length") ? content_length(field.value) : std::nullopt;
      case 15:
        return once(field, "idempotency-key", seen_key_);
      case 17:
        return is(field, "transfer-encoding") ? transfer_encoding(field.value) : std::nullopt;
      default:
        return std::nullopt;
    }
  }

  std::optional<Fault> end() {
    if (!seen_host_) return malformed("A request names its host.");
    if (head_.chunked && head_.content_length)
      return malformed("Content-Length and Transfer-Encoding contradict each other.");
    if (head_.chunked && head_.minor_version == 0)
      return malformed("HTTP/1.0 knows no Transfer-Encoding.");
    head_.keep_alive = !close_ && (head_.minor_version > 0 || stay_);
    return std::nullopt;
  }

 private:
  static bool is(const Field& field, std::string_view name) {
    return ascii_iequals(field.name, name);
  }

  static std::optional<Fault> once(const Field& field, std::string_view name, bool& seen) {
    if (!is(field, name)) return std::nullopt;
    if (seen) return malformed("A field that may occur once is repeated.");
    seen = true;
    return std::nullopt;
  }

  std::optional<Fault> host(std::string_view value) {
    if (seen_host_) return malformed("Host is repeated.");
    seen_host_ = true;
    if (!is_host(value)) return malformed("The Host is none.");
    return std::nullopt;
  }

  std::optional<Fault> content_length(std::string_view value) {
    if (head_.content_length) return malformed("Content-Length is repeated.");
    if (value.empty() || !all(value, is_digit))
      return malformed("Content-Length is not one number of digits.");
    std::uint64_t length = 0;
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    for (const char c : value) {
      const auto digit = static_cast<std::uint64_t>(c - '0');
      length = length > (most - digit) / 10 ? most : length * 10 + digit;
    }
    head_.content_length = length;
    return std::nullopt;
  }

  std::optional<Fault> transfer_encoding(std::string_view value) {
    if (head_.chunked) return malformed("Transfer-Encoding is repeated.");
    if (value != "chunked") return malformed("A Transfer-Encoding other than chunked.");
    head_.chunked = true;
    return std::nullopt;
  }

  void connection(std::string_view list) {
    while (!list.empty()) {
      const auto comma = std::min(list.find(','), list.size());
      const auto option = without_white_space(list.substr(0, comma));
      if (ascii_iequals(option, "close")) close_ = true;
      if (ascii_iequals(option, "keep-alive")) stay_ = true;
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }

  RequestHead& head_;
  bool seen_host_ = false, seen_type_ = false, seen_authorization_ = false, seen_key_ = false;
  bool close_ = false, stay_ = false;
};

/// The form of a target: of the origin, absolute, or the asterisk of OPTIONS.
bool is_target(std::string_view method, std::string_view target) {
  if (!all(target, is_of_target)) return false;
  if (target.starts_with('/')) return true;
  if (target == "*") return method == "OPTIONS";
  const auto scheme = std::min(target.find("://"), target.size());
  const auto name = target.substr(0, scheme);
  if (!ascii_iequals(name, "http") && !ascii_iequals(name, "https")) return false;
  const auto authority = target.substr(std::min(scheme + 3, target.size()));
  return is_host(authority.substr(0, authority.find_first_of("/?")));
}

std::optional<Fault> parse_request_line(std::string_view line, RequestHead& head) {
  const auto first = std::min(line.find(' '), line.size());
  head.method = line.substr(0, first);
  if (!is_token(head.method)) return malformed("The request line begins with no method.");
  auto rest = line.substr(std::min(first + 1, line.size()));
  const auto second = std::min(rest.find(' '), rest.size());
  head.target = rest.substr(0, second);
  if (!is_target(head.method, head.target)) return malformed("The request's target is none.");
  const auto version = rest.substr(std::min(second + 1, rest.size()));
  if (version.size() != 8 || !version.starts_with("HTTP/") ||
      !is_digit(static_cast<unsigned char>(version[5])) || version[6] != '.' ||
      !is_digit(static_cast<unsigned char>(version[7])))
    return malformed("The request line does not end with a version of HTTP.");
  if (version[5] != '1' || version[7] > '1')
    return Fault{505, "version_not_supported", "HTTP/1.1 and HTTP/1.0 are understood here."};
  head.minor_version = version[7] - '0';
  return std::nullopt;
}

constexpr Fault too_large{431, "header_too_large",
                          "The header is larger than 32 kB or has more than 100 fields."};

}  // namespace

bool is_token(std::string_view text) { return !text.empty() && all_of(text, of_token); }

std::expected<Field, Fault> parse_field(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t'))
    return std::unexpected(malformed("A field's value goes on in the next line."));
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return std::unexpected(malformed("A header line has no name of a field before a colon."));
  const auto value = line.substr(colon + 1);
  if (!all(value, is_of_value))
    return std::unexpected(malformed("A field's value holds a control character."));
  return Field{line.substr(0, colon), without_white_space(value)};
}

std::expected<std::optional<std::size_t>, Fault> HeadEnd::find(std::string_view bytes) {
  if (line_ == 0 && !bytes.empty()) {
    if (bytes.starts_with("\r\n")) {
      line_ = searched_ = 2;
    } else if (const auto c = static_cast<unsigned char>(bytes[0]); c != '\r' && !of_token[c]) {
      return std::unexpected(malformed("A request begins with its method."));
    } else if (c == '\r' && bytes.size() > 1) {
      return std::unexpected(malformed("A CR stands alone."));
    }
  }
  for (;;) {
    const auto feed = bytes.find('\n', searched_);
    const auto end = std::min(feed, bytes.size());
    if (lines_ == 0 && end - line_ > request_line_bytes_max)
      return std::unexpected(Fault{414, "target_too_long", "The request's target is too long."});
    if (end >= head_bytes_max || lines_ > head_fields_max + 1) return std::unexpected(too_large);
    if (feed == std::string_view::npos) {
      searched_ = bytes.size();
      return std::nullopt;
    }
    if (feed == line_ || bytes[feed - 1] != '\r')
      return std::unexpected(malformed("A line ends without CR."));
    if (feed == line_ + 1) return feed + 1;
    ++lines_;
    line_ = searched_ = feed + 1;
  }
}

std::expected<RequestHead, Fault> parse_head(std::string_view head) {
  if (head.starts_with("\r\n")) head.remove_prefix(2);
  const auto next_line = [&] {
    const auto end = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    return line;
  };
  RequestHead parsed;
  if (const auto fault = parse_request_line(next_line(), parsed)) return std::unexpected(*fault);
  parsed.fields.reserve(16);
  Framing framing(parsed);
  for (auto line = next_line(); !line.empty(); line = next_line()) {
    const auto field = parse_field(line);
    if (!field) return std::unexpected(field.error());
    if (const auto fault = framing.see(*field)) return std::unexpected(*fault);
    parsed.fields.push_back(*field);
  }
  if (const auto fault = framing.end()) return std::unexpected(*fault);
  return parsed;
}

}  // namespace stoa::http
