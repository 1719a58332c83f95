#pragma once

#include <memory>

#include "kernel/jobs/rebuild.hpp"
#include "services/catalog/application/product_search.hpp"

namespace stoa::catalog {

/// The search index (`search`), which its own thread builds.
std::unique_ptr<jobs::Projection> make_search_rebuild(ProductSearch& search);

}  // namespace stoa::catalog
