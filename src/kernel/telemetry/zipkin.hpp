#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/telemetry/exporter.hpp"

namespace stoa::telemetry {

/// The body of `POST /api/v2/spans`, as zipkin.io/zipkin-api describes version 2. Zipkin knows no
/// links: their number is the tag `stoa.links`.
std::string zipkin_json(const std::vector<SpanRecord>& spans, std::string_view service);

}  // namespace stoa::telemetry
