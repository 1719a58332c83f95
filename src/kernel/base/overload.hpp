#pragma once

namespace stoa {

/// One callable of several, for std::visit.
template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};

}  // namespace stoa
