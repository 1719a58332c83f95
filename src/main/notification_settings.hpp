#pragma once

#include <vector>

#include "main/configuration.hpp"

namespace stoa {

/// What mail and SMS need of the configuration, beyond each setting by itself.
std::vector<FieldError> check_notification_settings(const Configuration& configuration);

}  // namespace stoa
