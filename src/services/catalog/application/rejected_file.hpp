#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/catalog/application/rows.hpp"

namespace stoa::catalog {

/// CSV of the rejected rows of an imported file: `Rejected Line` and `Rejected Reason`, then the
/// file's own columns, so that it can be mended and imported as it is. A row that is no readable
/// record of the file's width stands as it is in the first of them.
std::string rejected_file(std::string_view file, const std::vector<ImportRow>& rows);

}  // namespace stoa::catalog
