#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernel/mediator/reader_pool.hpp"
#include "kernel/search/index.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "main/configuration.hpp"
#include "services/catalog/module.hpp"

namespace stoa {

/// The Xapian index in `<data>/search` and the threads that read for it.
class ProductSearchHost {
 public:
  /// `open` opens the database of the catalog, to be read.
  ProductSearchHost(const Configuration& configuration, const std::string& folder,
                    const sql::OpenDatabase& open, const Crypto& crypto,
                    std::function<void(telemetry::Level, const std::string&)> report);

  /// For make_catalog; what it refers to lives as long as this.
  catalog::SearchParts parts(telemetry::Metrics& metrics);
  /// After the index is carried on no more.
  void stop();

 private:
  std::unique_ptr<search::Index> index_;
  std::function<void(telemetry::Level, const std::string&)> report_;
  std::unique_ptr<ReaderPool> search_pool_, projection_pool_;
  std::unique_ptr<Readers> searches_, projection_;
};

}  // namespace stoa
