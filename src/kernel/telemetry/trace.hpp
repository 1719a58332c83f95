#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/base/ids.hpp"

namespace stoa::telemetry {

/// A `traceparent` of W3C Trace Context as version 00; nothing when it is not well-formed. Of a
/// later version the members that version 00 knows are kept.
std::optional<std::string> parse_traceparent(std::string_view text);

/// A new, sampled trace.
std::string make_traceparent(IdSource& ids);

/// The 32 digits of the trace; empty when there is none.
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace stoa::telemetry
