#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

/// The head of an HTTP/1.1 request (RFC 9112), read strictly: whatever two readers could understand
/// differently is refused, also where the RFC permits leniency. Pure; no allocation but the list of
/// fields.
namespace stoa::http {

constexpr std::size_t request_line_bytes_max = std::size_t{16} * 1024;
constexpr std::size_t head_bytes_max =
    std::size_t{32} * 1024;  ///< request line and fields together
constexpr std::size_t head_fields_max = 100;

/// Why a request is refused before anything of it is served. The texts are constants.
struct Fault {
  int status;             ///< 400, 408, 413, 414, 431 or 505
  std::string_view code;  ///< of the problem document
  std::string_view detail;
};

[[nodiscard]] constexpr Fault malformed(std::string_view detail) {
  return {400, "malformed_request", detail};
}

struct Field {
  std::string_view name;
  std::string_view value;  ///< without the white space around it
};

/// Of one line without its CRLF: `name: value`. Refuses an empty name, a name that is no token,
/// space before the colon, a continuation (obs-fold), and control characters, a bare CR and NUL
/// among them.
std::expected<Field, Fault> parse_field(std::string_view line);

/// Whether RFC 9110 lets a method, a field's name or an extension's name be made of it.
bool is_token(std::string_view text);

/// All are views into the bytes that were parsed.
struct RequestHead {
  std::string_view method;
  std::string_view target;  ///< in origin, absolute or asterisk form
  int minor_version = 1;    ///< of HTTP/1
  std::vector<Field> fields;
  std::optional<std::uint64_t> content_length;  ///< the largest value stands for all beyond it
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// Finds where the head ends while its bytes arrive.
class HeadEnd {
 public:
  /// `bytes`: all that has come of the request so far. The size of its head, with the empty line
  /// and the one CRLF that may stand before it; nothing while more is needed. Refuses a bare LF, a
  /// beginning that is none, and what is too large, as soon as it is seen.
  std::expected<std::optional<std::size_t>, Fault> find(std::string_view bytes);

 private:
  std::size_t line_ = 0;      ///< where the line begins that is not complete yet
  std::size_t searched_ = 0;  ///< no LF at or after `line_` before it
  std::size_t lines_ = 0;     ///< complete ones
};

/// Of a head that `HeadEnd` measured, exactly.
std::expected<RequestHead, Fault> parse_head(std::string_view head);

}  // namespace stoa::http
