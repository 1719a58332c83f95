#pragma once

#include "gateway/gateway.hpp"

namespace stoa {

/// The gateway's own routes: what a browser, a monitor and a client generator look at.
void add_pages(http::Router& router, const GatewayOptions& options, telemetry::Metrics& metrics);

}  // namespace stoa
