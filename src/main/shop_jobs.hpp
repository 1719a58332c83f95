#pragma once

#include <memory>
#include <string>

#include "kernel/eventlog/epochs.hpp"
#include "kernel/jobs/export.hpp"
#include "kernel/jobs/jobs.hpp"
#include "main/configuration.hpp"
#include "services/catalog/module.hpp"
#include "services/ordering/module.hpp"

namespace stoa {

/// The jobs of a shop with all their kinds, schedules and routes. Makes the folders of their files,
/// `imports` and `exports` in `folder`, when they are missing. What it is given outlives it.
std::unique_ptr<jobs::Jobs> compose_jobs(const jobs::JobsContext& context,
                                         catalog::Catalog& catalog, ordering::Ordering& ordering,
                                         const jobs::ExportSourcePtr& events,
                                         const ServiceEpochs& epochs, const std::string& folder,
                                         const Configuration& configuration);

}  // namespace stoa
