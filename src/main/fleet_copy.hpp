#pragma once

#include <string>

#include "main/configuration.hpp"
#include "main/data_folder.hpp"

namespace stoa {

/// Makes of a fleet what a stopped shop is in one folder, so that what reads such a one can read a
/// fleet: every table of its databases (`ConnectionStrings`), each database in one snapshot, in the
/// shop's file and the simulator's. `shop` is empty before. The databases are read one after
/// another: an event may have been told of in one and not yet have come to the next. Throws
/// sql::Failure when a database cannot be read; std::runtime_error names a missing setting.
void copy_fleet(const Configuration& configuration, DataFolder& shop);

}  // namespace stoa
