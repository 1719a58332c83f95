#pragma once

#include <string>
#include <vector>

#include "kernel/json/value.hpp"

namespace stoa::json {

/// One place at which two values differ. Nothing stands for what is not there.
struct Difference {
  std::string pointer;  ///< RFC 6901
  const Value* before = nullptr;
  const Value* after = nullptr;
};

/// Every place, as deep as it can be named, in the order of `after` and then of `before`. Elements
/// of arrays are compared by their place. Refers to the two, which must stay.
std::vector<Difference> differences(const Value& before, const Value& after);

}  // namespace stoa::json
