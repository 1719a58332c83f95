#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "kernel/base/result.hpp"

namespace stoa::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

/// Deepest nesting that is read.
inline constexpr std::size_t depth_max = 32;

/// One JSON text (RFC 8259, UTF-8 checked). `malformed_json` names the place of the first fault.
Result<Value> parse(std::string_view text);

}  // namespace stoa::json
