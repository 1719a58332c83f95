#pragma once

#include "main/service_process.hpp"

namespace stoa {

/// The gateway of a fleet in this process: what `options` say of a service it does for the whole
/// shop. It begins without its services, and finds them as they come. Throws std::runtime_error
/// when it cannot listen or a setting is wrong.
std::unique_ptr<ServiceProcess> make_gateway_process(const ServiceProcessOptions& options);

}  // namespace stoa
