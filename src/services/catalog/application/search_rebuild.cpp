#include "services/catalog/application/search_rebuild.hpp"

#include <thread>

namespace stoa::catalog {
namespace {

class SearchRebuild final : public jobs::Projection {
 public:
  explicit SearchRebuild(ProductSearch& search) : search_(search) {}

  [[nodiscard]] std::string_view name() const override { return "search"; }
  void prepare(bool) override {
    built_before_ = search_.built();
    const auto status = search_.status();
    head_before_ = status.position + status.lag;
    search_.rebuild();
  }
  void pause() override {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    // A build that failed is begun again.
    const bool building = search_.status().rebuilding;
    if (!building && search_.built() == built_before_) search_.rebuild();
  }
  Step step(UnitOfWork&) override {
    const auto status = search_.status();
    return {status.position, status.position + status.lag,
            search_.built() > built_before_ && status.position >= head_before_};
  }

 private:
  ProductSearch& search_;
  std::int64_t built_before_ = 0;
  std::int64_t head_before_ = 0;  ///< what was written before is found afterwards
};

}  // namespace

std::unique_ptr<jobs::Projection> make_search_rebuild(ProductSearch& search) {
  return std::make_unique<SearchRebuild>(search);
}

}  // namespace stoa::catalog
