#include "kernel/mediator/replica_readers.hpp"

namespace stoa {
namespace {

class ReplicaReaders final : public Readers {
 public:
  ReplicaReaders(std::string service, std::unique_ptr<Readers> primary,
                 std::unique_ptr<Readers> replica, ReplicaUse use)
      : service_(std::move(service)),
        primary_(std::move(primary)),
        replica_(std::move(replica)),
        use_(std::move(use)) {}

  bool submit(std::function<void(Store)> query, std::function<void()> failed) override {
    return primary_->submit(std::move(query), std::move(failed));
  }

  bool submit_stale(std::int64_t at_least, std::function<void(Store)> query,
                    std::function<void()> failed) override {
    const auto on_primary = [this, query, failed] {
      use_.ran(false);
      if (!primary_->submit(query, failed)) failed();
    };
    const auto on_replica = [this, at_least, query, on_primary](Store store) {
      // In the snapshot that the query will see.
      if (at_least > 0 && store.log.head() < at_least) return on_primary();
      use_.ran(true);
      query(store);
    };
    if (use_.is_well() && replica_->submit(on_replica, on_primary)) return true;
    use_.ran(false);
    return primary_->submit(std::move(query), std::move(failed));
  }

  [[nodiscard]] std::string_view service() const override { return service_; }

 private:
  std::string service_;
  std::unique_ptr<Readers> primary_, replica_;
  ReplicaUse use_;
};

}  // namespace

std::unique_ptr<Readers> make_replica_readers(std::string service, std::unique_ptr<Readers> primary,
                                              std::unique_ptr<Readers> replica, ReplicaUse use) {
  return std::make_unique<ReplicaReaders>(std::move(service), std::move(primary),
                                          std::move(replica), std::move(use));
}

}  // namespace stoa
