#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "kernel/telemetry/exporter.hpp"

namespace stoa::otlp {

struct OtlpOptions {
  std::string endpoint;  ///< `http://collector:4318`, without `/v1/traces`
  std::string headers;   ///< `name=value,name=value`: often a token
  std::string service = "stoa";
  std::string version;
  bool json = false;  ///< instead of protobuf
  std::chrono::milliseconds timeout{2'000};
};

/// OTLP over HTTP by opentelemetry-cpp. Its libraries are loaded here and not before, from
/// `libstoa_otlp.so` beside the program: a shop without telemetry does not pay for them. Throws
/// std::runtime_error when they are not there.
std::unique_ptr<telemetry::Exporter> make_otlp_exporter(const OtlpOptions& options);

/// What the module gives; the caller owns it.
using MakeExporter = telemetry::Exporter*(const OtlpOptions&);
constexpr const char* make_exporter_symbol = "stoa_make_otlp_exporter";

}  // namespace stoa::otlp
