#pragma once

#include <memory>

#include "kernel/jobs/job_files.hpp"
#include "kernel/jobs/jobs.hpp"
#include "main/service_modules.hpp"

namespace stoa {

/// What the jobs of one service in a fleet are made of: their tables and their files stand in its
/// database, and one of its replicas works on them.
class ServiceJobs {
 public:
  explicit ServiceJobs(const ServiceParts& parts);

  [[nodiscard]] const jobs::JobsContext& context() const { return context_; }
  [[nodiscard]] jobs::JobsSharing sharing();

 private:
  std::unique_ptr<sql::Connection> db_, files_db_;
  std::unique_ptr<Readers> readers_;
  std::unique_ptr<jobs::JobFiles> files_;
  std::unique_ptr<postgres::LeaderLock> leader_;
  jobs::JobsContext context_;
};

}  // namespace stoa
