#pragma once

#include "kernel/http/typed.hpp"
#include "kernel/jobs/export.hpp"
#include "kernel/jobs/jobs.hpp"
#include "kernel/mediator/service_context.hpp"
#include "services/catalog/api/public_reads.hpp"
#include "services/catalog/application/categories.hpp"
#include "services/catalog/application/counts.hpp"
#include "services/catalog/application/inventory.hpp"
#include "services/catalog/application/product_search.hpp"
#include "services/catalog/application/products.hpp"
#include "services/catalog/application/rows.hpp"
#include "services/catalog/application/transfers.hpp"

namespace stoa::catalog {

/// What the routes serve from. All of it outlives them.
struct Api {
  ServiceContext& context;
  Products& products;
  Categories& categories;
  Inventory& inventory;
  Locations& locations;
  Transfers& transfers;
  Counts& counts;
  OpenRows open_rows;
  HtmlSanitiser sanitise;
  ProductSearch& search;
  const PublicReads& reads;
  const ProductCache& product_cache;

  /// Runs `ask` on a reader thread and sends its answer, or the problem.
  /// The same for a list, which may miss what was committed last.
  void list(const http::RequestPtr& request, http::Reply reply,
            std::function<http::Response(const Rows&, EventLog&)> ask) const;
  void read(const http::RequestPtr& request, http::Reply reply,
            std::function<http::Response(const Rows&, EventLog&)> ask) const;

  /// Decides on the writer and sends `render` of the result, or the problem.
  template <class T>
  void write(const http::RequestPtr& request, http::Reply reply,
             std::function<Result<T>(UnitOfWork&)> decide,
             const std::function<http::Response(const T&)>& render, int weight = 1) const {
    execute<T>(context.executor, Executor::Lane::outside, weight, request->cause(),
               std::move(decide), [request, reply = std::move(reply), render](Result<T> result) {
                 reply(result ? render(*result) : http::problem(result.error(), *request));
               });
  }
};

void add_product_routes(const Api& api);
void add_category_routes(const Api& api);
void add_inventory_routes(const Api& api);
void add_location_routes(const Api& api);
void add_transfer_routes(const Api& api);
void add_count_routes(const Api& api);
/// `files` is where uploads are kept; it outlives the router.
void add_import_routes(const Api& api, jobs::Jobs& jobs, jobs::JobFiles& files);
jobs::ExportSourcePtr add_export_routes(const Api& api);
void add_search_routes(const Api& api);

/// With `Location` and `ETag` when they are not empty.
http::Response resource(int status, std::string body, std::int64_t revision,
                        const std::string& location = {});

/// The Idempotency-Key of a request with what it is used for.
Result<IdempotencyKey> key_of(const Api& api, const http::Request& request);

/// An opaque text of parts for `cursor=`, and back; nothing when it is none of ours.
std::string to_cursor(const std::vector<std::string>& parts);
std::optional<std::vector<std::string>> from_cursor(std::string_view text);

}  // namespace stoa::catalog
