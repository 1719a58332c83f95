#pragma once

#include <xapian.h>

#include <utility>

#include "kernel/search/index.hpp"

namespace stoa::xapian {

/// Runs `work`; what Xapian throws comes out as search::Failure.
template <class Work>
auto translated(Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const Xapian::Error& e) {
    throw search::Failure("Xapian: " + e.get_description());
  }
}

}  // namespace stoa::xapian
