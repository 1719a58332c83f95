#include "main/service_jobs.hpp"

#include "kernel/jobs/job_rows.hpp"

namespace stoa {

ServiceJobs::ServiceJobs(const ServiceParts& parts)
    : db_(parts.host.open_handle(jobs::migrations())),
      files_db_(parts.host.open_handle(jobs::file_migrations())),
      readers_(parts.host.open_readers()),
      files_(jobs::make_table_files(*files_db_, parts.host.loop(), *readers_)),
      leader_(parts.host.make_leader_lock("jobs")),
      context_{*db_,
               parts.host.loop(),
               *readers_,
               *files_,
               parts.shared.clock,
               parts.shared.ids,
               parts.shared.crypto,
               parts.host.router(),
               parts.shared.metrics,
               parts.shared.warn,
               &parts.shared.tracer} {}

jobs::JobsSharing ServiceJobs::sharing() {
  return {.is_leader = [this] { return leader_->holds(); }};
}

}  // namespace stoa
