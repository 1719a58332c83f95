#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/jobs/export.hpp"
#include "kernel/jobs/jobs.hpp"
#include "kernel/jobs/rebuild.hpp"
#include "kernel/mediator/service_context.hpp"
#include "kernel/messaging/runners.hpp"
#include "kernel/messaging/topic.hpp"
#include "services/catalog/api/public_reads.hpp"
#include "services/catalog/application/product_search.hpp"
#include "services/catalog/contracts/events.hpp"
#include "services/catalog/contracts/offers.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/shop/contracts/events.hpp"

namespace stoa::catalog {

/// Products, categories, prices and the units of the shop. Lives until executor, readers and
/// server have stopped.
class Catalog {
 public:
  virtual ~Catalog() = default;
  /// Carries the stock ledger on by a slice; true when there may be more. In a transaction of its
  /// file, and on one thread, which need not be the writer's.
  virtual bool project_slice(UnitOfWork& unit) = 0;
  /// After such a transaction was rolled back.
  virtual void forget_slices() = 0;
  /// Other processes write the log and the ledger too, in the writer's database: what is cached is
  /// given once `log_grew` has told from where on they are heard. Before the executor starts, and
  /// before the jobs are composed.
  virtual void share_log() = 0;
  /// From any thread, in order.
  virtual void log_grew(const messaging::Growth& growth) = 0;
  /// The thread that keeps the search index up. It is stopped before the readers are.
  virtual void start_search() = 0;
  virtual void stop_search() = 0;
  /// Adds the kind `import` and its routes; uploads are kept in `files`, which outlives them.
  virtual void serve_imports(jobs::Jobs& jobs, jobs::JobFiles& files) = 0;
  [[nodiscard]] virtual jobs::ExportSourcePtr product_export() const = 0;
  /// Those that can be built anew; the module's.
  [[nodiscard]] virtual std::vector<jobs::Projection*> projections() = 0;
};

/// Where the stock ledger is kept, and what it is made of. Connections of its thread alone.
struct LedgerStore {
  sql::Connection& db;  ///< of its file
  EventLog& log;        ///< Catalog's, to be read
};

/// Declares the routes, subscribes to `ordering` and adds its participants. `sanitise` leaves of
/// HTML what cannot harm a page (platform/gumbo); it is called from several threads. The cache of
/// `reads` outlives the module.
std::unique_ptr<Catalog> make_catalog(ServiceContext& context, Topic<contracts::Event>& own,
                                      Topic<ordering::contracts::Event>& ordering,
                                      Topic<shop::contracts::Event>& shop,
                                      std::function<std::string(std::string_view)> sanitise,
                                      SearchParts search, LedgerStore ledger, PublicReads reads);

/// What these SKUs sell for now; those that there are. On a reader thread.
std::vector<contracts::CurrentOffer> current_offers(Store store,
                                                    const std::vector<std::string>& skus);

/// Tables with the prefix `catalog_`, without the log.
sql::Migrations catalog_migrations();

/// Tables of the stock ledger's own file.
sql::Migrations ledger_migrations();

}  // namespace stoa::catalog
