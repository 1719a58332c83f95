#pragma once

#include <vector>

#include "kernel/jobs/export.hpp"
#include "kernel/jobs/jobs.hpp"

namespace stoa::jobs {

/// The kind `export`: writes a source, page by page, into a file of the folder. A page is appended
/// and made durable before the slice that counts it; what a crash leaves beyond is cut off.
std::unique_ptr<Kind> make_export_kind(std::vector<ExportSourcePtr> sources, std::string folder);

struct CleanUpOptions {
  std::vector<std::string> folders;            ///< of jobs' files
  Duration keep = std::chrono::hours(24 * 7);  ///< of jobs that have ended
};

/// The kind `clean-up`: forgets jobs that ended long ago with all that is kept of them, and removes
/// files of the folders, a day old, that belong to no job. `jobs` outlives it.
std::unique_ptr<Kind> make_clean_up_kind(const JobsContext& context, Jobs& jobs,
                                         CleanUpOptions options);

}  // namespace stoa::jobs
