#include "kernel/http/chunked_body.hpp"

#include <algorithm>
#include <array>

#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

constexpr int size_digits_max = 16;
constexpr std::size_t extension_bytes_max = 4'096;

constexpr Fault bad_extension = malformed("An extension of a chunk is not well-formed.");

int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// What a trailer must not carry, for it would have been needed before the body.
bool changes_framing(std::string_view name) {
  constexpr std::array<std::string_view, 6> names{
      "content-length", "transfer-encoding", "host",
      "trailer",        "content-encoding",  "authorization"};
  return std::ranges::any_of(names, [&](auto one) { return ascii_iequals(one, name); });
}

}  // namespace

std::expected<std::size_t, Fault> ChunkedBody::take(std::string_view bytes, std::string& body) {
  std::size_t taken = 0;
  while (taken < bytes.size() && at_ != At::end) {
    if (at_ == At::data) {
      const auto part = bytes.substr(taken, std::min<std::uint64_t>(size_, bytes.size() - taken));
      body.append(part);
      taken += part.size();
      size_ -= part.size();
      if (size_ == 0) at_ = At::data_end;
      continue;
    }
    if (const auto stepped = step(bytes[taken]); !stepped) return std::unexpected(stepped.error());
    ++taken;
  }
  return taken;
}

std::expected<void, Fault> ChunkedBody::step(char c) {
  switch (at_) {
    case At::size:
      return in_size(c);
    case At::size_line_feed:
      if (c != '\n')
        return std::unexpected(malformed("The line of a chunk's size ends without LF."));
      return begin_chunk();
    case At::data_end:
      if (c != '\r') return std::unexpected(malformed("A chunk is longer than its size."));
      at_ = At::data_line_feed;
      return {};
    case At::data_line_feed:
      if (c != '\n') return std::unexpected(malformed("A chunk ends without LF."));
      at_ = At::size;
      return {};
    case At::trailer:
      if (++trailer_bytes_ > head_bytes_max)
        return std::unexpected(Fault{431, "header_too_large", "The trailer is larger than 32 kB."});
      if (c == '\n') return std::unexpected(malformed("A line ends without CR."));
      if (c == '\r')
        at_ = At::trailer_line_feed;
      else
        line_.push_back(c);
      return {};
    case At::trailer_line_feed:
      if (c != '\n') return std::unexpected(malformed("A CR stands alone."));
      return end_trailer();
    default:
      return in_extension(c);
  }
}

std::expected<void, Fault> ChunkedBody::in_size(char c) {
  if (const int digit = hexadecimal(c); digit >= 0) {
    if (++digits_ > size_digits_max)
      return std::unexpected(malformed("A chunk's size is too long."));
    size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
    return {};
  }
  if (digits_ == 0 || (c != '\r' && c != ';'))
    return std::unexpected(malformed("A chunk's size is no hexadecimal number."));
  at_ = c == '\r' ? At::size_line_feed : At::extension_name;
  name_bytes_ = 0;
  return {};
}

std::expected<void, Fault> ChunkedBody::in_extension(char c) {
  if (++extension_bytes_ > extension_bytes_max)
    return std::unexpected(malformed("The extensions of the chunks are too long."));
  const auto byte = static_cast<unsigned char>(c);
  const bool is_name = is_token({&c, 1});
  const bool may_end = at_ == At::extension_end || at_ == At::extension_token ||
                       (at_ == At::extension_name && name_bytes_ > 0);
  if (at_ == At::extension_quoted || at_ == At::extension_escaped) {
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return std::unexpected(bad_extension);
    if (at_ == At::extension_escaped)
      at_ = At::extension_quoted;
    else if (c == '\\')
      at_ = At::extension_escaped;
    else if (c == '"')
      at_ = At::extension_end;
  } else if (c == '\r' && may_end) {
    at_ = At::size_line_feed;
  } else if (c == ';' && may_end) {
    at_ = At::extension_name;
    name_bytes_ = 0;
  } else if (at_ == At::extension_name && is_name) {
    ++name_bytes_;
  } else if (at_ == At::extension_name && c == '=' && name_bytes_ > 0) {
    at_ = At::extension_value;
  } else if (at_ == At::extension_value && (is_name || c == '"')) {
    at_ = is_name ? At::extension_token : At::extension_quoted;
  } else if (at_ != At::extension_token || !is_name) {
    return std::unexpected(bad_extension);
  }
  return {};
}

std::expected<void, Fault> ChunkedBody::begin_chunk() {
  if (size_ > left_)
    return std::unexpected(
        Fault{413, "body_too_large", "The body is larger than this route takes."});
  left_ -= size_;
  at_ = size_ == 0 ? At::trailer : At::data;
  digits_ = 0;
  return {};
}

std::expected<void, Fault> ChunkedBody::end_trailer() {
  if (line_.empty()) {
    at_ = At::end;
    return {};
  }
  const auto field = parse_field(line_);
  if (!field) return std::unexpected(field.error());
  if (changes_framing(field->name))
    return std::unexpected(malformed("A trailer holds a field that belongs into the header."));
  if (++trailers_ > head_fields_max)
    return std::unexpected(Fault{431, "header_too_large", "The trailer has more than 100 fields."});
  line_.clear();
  at_ = At::trailer;
  return {};
}

}  // namespace stoa::http
