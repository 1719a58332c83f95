#include "services/catalog/api/routes.hpp"
#include "services/catalog/application/product_export.hpp"

namespace stoa::catalog {

jobs::ExportSourcePtr add_export_routes(const Api& api) {
  auto source = std::make_shared<jobs::ExportSource>();
  source->name = "products";
  source->summary = "All products as Shopify's product CSV, a page at a time";
  source->content_type = "text/csv; charset=utf-8";
  source->extension = ".csv";
  source->takes_currency = true;
  source->readers = &api.context.readers;
  source->page = [open = api.open_rows, sanitise = api.sanitise](
                     Store store, const jobs::ExportRequest& request) {
    return export_products(open(store.db), request, sanitise);
  };
  jobs::add_export_route(api.context.router, source);
  return source;
}

}  // namespace stoa::catalog
