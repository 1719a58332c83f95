#include "main/shop_jobs.hpp"

#include <filesystem>

#include "kernel/jobs/export_jobs.hpp"
#include "kernel/jobs/rebuild.hpp"

namespace stoa {
namespace {

std::string folder_for(const std::string& data, const std::string& name) {
  auto path = data + "/" + name;
  std::filesystem::create_directory(path);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

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

}  // namespace

std::unique_ptr<jobs::Jobs> compose_jobs(const jobs::JobsContext& context,
                                         catalog::Catalog& catalog, ordering::Ordering& ordering,
                                         const jobs::ExportSourcePtr& events,
                                         const ServiceEpochs& epochs, const std::string& folder,
                                         const Configuration& configuration) {
  auto made = jobs::make_jobs(context);
  const auto imports = folder_for(folder, "imports");
  const auto exports = folder_for(folder, "exports");
  catalog.serve_imports(*made, imports);
  const auto orders = with_epochs(ordering.order_export(), epochs);
  jobs::add_export_route(context.router, orders);
  made->add(jobs::make_export_kind({catalog.product_export(), orders, events}, exports));
  made->add(ordering.deadline_sweep());
  made->add(jobs::make_rebuild_kind(catalog.projections()));
  made->add(jobs::make_clean_up_kind(
      context, *made,
      {{imports, exports}, std::chrono::hours(24 * configuration.integer("Jobs:KeepDays"))}));
  jobs::add_job_routes(context, *made);
  const auto schedule = [&](const std::string& kind, const json::Metadata& parameters,
                            std::string_view setting) {
    if (const auto when = jobs::Schedule::parse(configuration.text(setting)))
      made->schedule(kind, parameters, *when);
  };
  schedule("clean-up", {}, "Jobs:CleanUpSchedule");
  schedule("deadline-sweep", {}, "Jobs:DeadlineSweepSchedule");
  schedule("export", {{"of", "products"}}, "Jobs:ExportProductsSchedule");
  return made;
}

}  // namespace stoa
