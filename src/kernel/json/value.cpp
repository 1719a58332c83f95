#include "kernel/json/value.hpp"

#include <boost/json/parser.hpp>
#include <string>

namespace stoa::json {

Result<Value> parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = depth_max;
  boost::json::parser parser({}, options);
  boost::system::error_code code;
  const auto read = parser.write(text, code);
  if (code)
    return fail(
        ErrorKind::malformed, "malformed_json",
        "The body is no JSON text: " + code.message() + " near byte " + std::to_string(read) + ".");
  return parser.release();
}

}  // namespace stoa::json
