#include "kernel/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace stoa {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "stoa: broken invariant: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace stoa
