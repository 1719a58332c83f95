#pragma once

#include <string>

#include "kernel/cache/cache_aside.hpp"
#include "kernel/http/representation.hpp"

namespace stoa::catalog {

/// How product reads without a secret key are answered.
struct PublicReads {
  CacheAside& cache;
  http::Codecs codecs;
  std::string cache_control;  ///< the header of their answers
};

}  // namespace stoa::catalog
