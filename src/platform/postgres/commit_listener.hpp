#pragma once

#include <memory>

#include "kernel/messaging/runners.hpp"
#include "platform/postgres/database.hpp"

namespace stoa::postgres {

/// Hears the commits of all writers of a database, of every process, by its LISTEN and NOTIFY.
/// Throws ConnectionLost, also when it is made.
std::unique_ptr<messaging::CommitListener> make_commit_listener(const Options& options);

}  // namespace stoa::postgres
