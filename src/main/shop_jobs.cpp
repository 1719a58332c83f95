#include "main/shop_jobs.hpp"

#include "kernel/jobs/export_jobs.hpp"
#include "kernel/jobs/rebuild.hpp"

namespace stoa {
namespace {

/// The same export with the epoch of the log in its cursors.
jobs::ExportSourcePtr with_epochs(const jobs::ExportSourcePtr& plain, const ServiceEpochs& epochs) {
  auto source = std::make_shared<jobs::ExportSource>(*plain);
  source->page = [plain, &epochs](Store store,
                                  const jobs::ExportRequest& request) -> Result<jobs::ExportPage> {
    auto after = epochs.unmark(request.after);
    if (!after) return fail(std::move(after.error()));
    auto page = plain->page(store, {std::move(*after), request.currency});
    if (page) page->cursor = epochs.mark(page->cursor);
    return page;
  };
  return source;
}

/// What every set of jobs has: the clean-up, the routes, and the schedules of its kinds.
class Composed {
 public:
  Composed(const jobs::JobsContext& context, const Configuration& configuration,
           jobs::JobsOptions options = {})
      : context_(context),
        configuration_(configuration),
        jobs_(jobs::make_jobs(context, std::move(options))) {}

  jobs::Jobs& jobs() { return *jobs_; }
  void schedule(const std::string& kind, const json::Metadata& parameters,
                std::string_view setting) {
    if (const auto when = jobs::Schedule::parse(configuration_.text(setting)))
      jobs_->schedule(kind, parameters, *when);
  }
  void schedule_product_export() {
    schedule("export", {{"of", "products"}}, "Jobs:ExportProductsSchedule");
  }
  void add_deadline_sweep(ordering::Ordering& ordering) {
    jobs_->add(ordering.deadline_sweep());
    schedule("deadline-sweep", {}, "Jobs:DeadlineSweepSchedule");
  }
  std::unique_ptr<jobs::Jobs> finish() {
    jobs_->add(jobs::make_clean_up_kind(
        context_, *jobs_, {std::chrono::hours(24 * configuration_.integer("Jobs:KeepDays"))}));
    schedule("clean-up", {}, "Jobs:CleanUpSchedule");
    jobs::add_job_routes(context_, *jobs_);
    return std::move(jobs_);
  }

 private:
  const jobs::JobsContext& context_;
  const Configuration& configuration_;
  std::unique_ptr<jobs::Jobs> jobs_;
};

jobs::ExportSourcePtr order_export(http::Router& router, const ordering::Ordering& ordering,
                                   const ServiceEpochs& epochs) {
  auto orders = with_epochs(ordering.order_export(), epochs);
  jobs::add_export_route(router, orders);
  return orders;
}

}  // namespace

std::unique_ptr<jobs::JobFiles> make_shop_files(const std::string& folder) {
  return jobs::make_folder_files(folder, {"imports", "exports"});
}

std::unique_ptr<jobs::Jobs> compose_jobs(const jobs::JobsContext& context,
                                         catalog::Catalog& catalog, ordering::Ordering& ordering,
                                         const jobs::ExportSourcePtr& events,
                                         const ServiceEpochs& epochs,
                                         const Configuration& configuration) {
  Composed composed(context, configuration);
  auto& jobs = composed.jobs();
  catalog.serve_imports(jobs, context.files);
  jobs.add(jobs::make_export_kind(
      {catalog.product_export(), order_export(context.router, ordering, epochs), events},
      context.files));
  jobs.add(jobs::make_rebuild_kind(catalog.projections()));
  composed.add_deadline_sweep(ordering);
  composed.schedule_product_export();
  return composed.finish();
}

std::unique_ptr<jobs::Jobs> compose_catalog_jobs(const jobs::JobsContext& context,
                                                 jobs::JobsSharing sharing,
                                                 catalog::Catalog& catalog,
                                                 const Configuration& configuration) {
  Composed composed(context, configuration, {.sharing = std::move(sharing)});
  catalog.serve_imports(composed.jobs(), context.files);
  composed.jobs().add(jobs::make_export_kind({catalog.product_export()}, context.files));
  composed.jobs().add(jobs::make_rebuild_kind(catalog.projections()));
  composed.schedule_product_export();
  return composed.finish();
}

std::unique_ptr<jobs::Jobs> compose_ordering_jobs(const jobs::JobsContext& context,
                                                  jobs::JobsSharing sharing,
                                                  ordering::Ordering& ordering,
                                                  const ServiceEpochs& epochs,
                                                  const Configuration& configuration) {
  Composed composed(context, configuration, {.sharing = std::move(sharing)});
  composed.jobs().add(
      jobs::make_export_kind({order_export(context.router, ordering, epochs)}, context.files));
  composed.add_deadline_sweep(ordering);
  return composed.finish();
}

}  // namespace stoa
