#pragma once

#include <vector>

#include "kernel/jobs/export.hpp"
#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/jobs.hpp"

namespace stoa::jobs {

/// The kind `export`: writes a source, page by page, into a file `exports/…`, which outlives it.
std::unique_ptr<Kind> make_export_kind(std::vector<ExportSourcePtr> sources, JobFiles& files);

struct CleanUpOptions {
  Duration keep = std::chrono::hours(24 * 7);  ///< of jobs that have ended
};

/// The kind `clean-up`: forgets jobs that ended long ago with all that is kept of them, and removes
/// files, a day old, that belong to no job. `jobs` outlives it.
std::unique_ptr<Kind> make_clean_up_kind(const JobsContext& context, Jobs& jobs,
                                         CleanUpOptions options);

}  // namespace stoa::jobs
