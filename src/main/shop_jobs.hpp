#pragma once

#include <memory>
#include <string>

#include "kernel/eventlog/epochs.hpp"
#include "kernel/jobs/export.hpp"
#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/jobs.hpp"
#include "main/configuration.hpp"
#include "services/catalog/module.hpp"
#include "services/ordering/module.hpp"

namespace stoa {

/// Where the jobs of one process keep their files: `imports` and `exports` in its data folder.
std::unique_ptr<jobs::JobFiles> make_shop_files(const std::string& folder);

/// The jobs of a shop with all their kinds, schedules and routes. What it is given outlives it.
std::unique_ptr<jobs::Jobs> compose_jobs(const jobs::JobsContext& context,
                                         catalog::Catalog& catalog, ordering::Ordering& ordering,
                                         const jobs::ExportSourcePtr& events,
                                         const ServiceEpochs& epochs,
                                         const Configuration& configuration);

/// Those of Catalog as a process of a fleet: imports, the export of products, and the rebuild of
/// the stock ledger. What all replicas keep for themselves, such as the search index, no job of one
/// can build anew.
std::unique_ptr<jobs::Jobs> compose_catalog_jobs(const jobs::JobsContext& context,
                                                 jobs::JobsSharing sharing,
                                                 catalog::Catalog& catalog,
                                                 const Configuration& configuration);

/// Those of Ordering: the export of orders and the sweep of deadlines.
std::unique_ptr<jobs::Jobs> compose_ordering_jobs(const jobs::JobsContext& context,
                                                  jobs::JobsSharing sharing,
                                                  ordering::Ordering& ordering,
                                                  const ServiceEpochs& epochs,
                                                  const Configuration& configuration);

}  // namespace stoa
