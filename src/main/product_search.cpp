#include "main/product_search.hpp"

#include "platform/icu/fold.hpp"
#include "platform/xapian/index.hpp"

namespace stoa {
namespace {

constexpr std::size_t searches_waiting_max = 1'000;
constexpr std::string_view prefix = "catalog_";

}  // namespace

ProductSearchHost::ProductSearchHost(
    const Configuration& configuration, const std::string& folder, const sql::OpenDatabase& open,
    const Crypto& crypto, std::function<void(telemetry::Level, const std::string&)> report)
    : index_(xapian::make_index({.folder = folder,
                                 .fold = icu::fold,
                                 .language = configuration.text("Search:Language")})),
      report_(std::move(report)) {
  const auto defect = [report = report_](const std::string& what) {
    report(telemetry::Level::error, what);
  };
  const auto threads = static_cast<int>(configuration.integer("Search:Threads"));
  search_pool_ = make_reader_pool(open, threads, crypto, defect, searches_waiting_max);
  projection_pool_ = make_reader_pool(open, 1, crypto, defect);
  searches_ = search_pool_->of(std::string(prefix));
  projection_ = projection_pool_->of(std::string(prefix));
}

catalog::SearchParts ProductSearchHost::parts(telemetry::Metrics& metrics) {
  return {*index_, *searches_, *projection_, metrics, report_};
}

void ProductSearchHost::stop() {
  search_pool_->stop();
  projection_pool_->stop();
}

}  // namespace stoa
