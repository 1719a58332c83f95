#pragma once

namespace stoa {

/// Prints the broken invariant with its place to standard error and aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace stoa

/// A broken invariant is a defect in Stoa, never bad input. On in every build: a process that no
/// longer knows what is true must stop before it writes; it restarts from what is durable.
#define STOA_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::stoa::assertion_failed(#expression, __FILE__, __LINE__))
