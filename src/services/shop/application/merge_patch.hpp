#pragma once

#include "kernel/json/value.hpp"

namespace stoa::shop {

/// RFC 7396: members of the patch replace those of the target, null takes them away, objects are
/// merged, lists replaced. Depth is bounded by what json::parse reads.
json::Value merge_patch(json::Value target, const json::Value& patch);

}  // namespace stoa::shop
