#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/result.hpp"

namespace stoa {

/// One OpenAPI description of several: the operations of all of them at the paths below `/v1`, and
/// all other paths of the first; of schemas of one name the first one's. Each is JSON text as
/// `http::openapi` writes it; `malformed` when one is none.
Result<std::string> joined_description(const std::vector<std::string>& descriptions);

}  // namespace stoa
