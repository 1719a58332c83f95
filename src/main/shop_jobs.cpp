#include "main/shop_jobs.hpp"

#include <filesystem>

#include "kernel/jobs/export_jobs.hpp"

namespace stoa {
namespace {

std::string folder_for(const std::string& data, const std::string& name) {
  auto path = data + "/" + name;
  std::filesystem::create_directory(path);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

}  // namespace

std::unique_ptr<jobs::Jobs> compose_jobs(const jobs::JobsContext& context,
                                         catalog::Catalog& catalog, ordering::Ordering& ordering,
                                         const jobs::ExportSourcePtr& events,
                                         const std::string& folder,
                                         const Configuration& configuration) {
  auto made = jobs::make_jobs(context);
  const auto imports = folder_for(folder, "imports");
  const auto exports = folder_for(folder, "exports");
  catalog.serve_imports(*made, imports);
  made->add(
      jobs::make_export_kind({catalog.product_export(), ordering.order_export(), events}, exports));
  made->add(ordering.deadline_sweep());
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
