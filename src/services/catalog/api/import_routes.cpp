#include "kernel/base/text.hpp"
#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/import.hpp"

namespace stoa::catalog {
namespace {

Result<ImportOptions> read_options(const http::Request& request) {
  const auto type = request.header("content-type");
  if (!ascii_iequals(trim(type.substr(0, type.find(';'))), "text/csv"))
    return fail(ErrorKind::unsupported_media, "unsupported_media_type",
                "The body must be declared as text/csv.");
  http::Query query(request);
  ImportOptions options;
  options.dry_run = query.flag("dry_run", false);
  const auto currency = Currency::parse(query.text("currency").value_or("GBP"));
  if (currency)
    options.currency = *currency;
  else
    query.error("currency", "unknown_currency", "Must be a code of ISO 4217.");
  if (auto good = query.finish(); !good) return fail(std::move(good.error()));
  return options;
}

struct RunningList {
  std::vector<RunningImport> data;
  static constexpr auto fields() { return std::tuple{json::field("data", &RunningList::data)}; }
};

}  // namespace

void add_import_routes(const Api& api) {
  const auto running = std::make_shared<RunningImports>();  // of both routes
  api.context.router.add(
      {.method = "POST",
       .path = "/v1/imports/products",
       .summary = "Import Shopify's product CSV (text/csv)",
       .tag = "Products",
       .handler =
           [api, running](const http::RequestPtr& request, const http::Reply& reply) {
             const auto options = read_options(*request);
             if (!options) return reply(http::problem(options.error(), *request));
             import_products(api.context, api.products, api.inventory, api.sanitise, request,
                             request->body,
                             running->begin(request->request_id, request->body.size()), *options,
                             request->cause(), [request, reply](Result<ImportReport> report) {
                               reply(report ? http::json_response(200, json::to_json(*report))
                                            : http::problem(report.error(), *request));
                             });
           },
       .answer = http::schema_of<ImportReport>(),
       .query = {{"currency", "of the prices; GBP when left out"},
                 {"dry_run", "true: say what would happen"}},
       .limits = {.body_bytes_max = std::size_t{64} << 20,
                  .answer_timeout = std::chrono::hours(1)}});
  api.context.router.add(
      {.method = "GET",
       .path = "/v1/imports/products",
       .summary = "Imports that run now, and how far they are",
       .tag = "Products",
       .handler =
           [running](const http::RequestPtr&, const http::Reply& reply) {
             reply(http::json_response(200, json::to_json(RunningList{running->list()})));
           },
       .answer = http::schema_of<RunningList>()});
}

}  // namespace stoa::catalog
