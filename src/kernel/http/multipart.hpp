#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa::http {

/// One part of a form.
struct FormPart {
  std::string name;
  std::string file_name;  ///< empty: a field, not a file
  std::string content_type;
  std::string_view content;  ///< within the body
};

/// Reads `multipart/form-data` (RFC 7578, in the form of RFC 2046): at most 20 parts, 8 kB of
/// headers each. `unsupported_media_type` when it is declared as something else,
/// `malformed_multipart` (malformed) when the body is not of that form to its closing delimiter.
Result<std::vector<FormPart>> read_form(std::string_view content_type, std::string_view body);

}  // namespace stoa::http
