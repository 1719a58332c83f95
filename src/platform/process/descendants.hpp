#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace stoa::process {

/// Who loses its parent below this process becomes its child, rather than that of the first one
/// (PR_SET_CHILD_SUBREAPER).
void adopt_orphans();

/// Processes whose parent is this one, as /proc tells.
std::vector<pid_t> children();

/// Ends all children with SIGKILL, and those that become children because their parents end, until
/// there are none, or the time is over. Reaps them.
void end_children(std::chrono::milliseconds at_most);

}  // namespace stoa::process
