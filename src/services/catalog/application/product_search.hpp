#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/mediator/readers.hpp"
#include "kernel/mediator/unit_of_work.hpp"
#include "kernel/search/index.hpp"
#include "kernel/telemetry/log.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "services/catalog/application/rebuild.hpp"
#include "services/catalog/application/rows.hpp"
#include "services/catalog/application/search_projection.hpp"

namespace stoa::catalog {

/// What search works with. All of it outlives it.
struct SearchParts {
  search::Index& index;
  Readers& searches;    ///< threads for searches alone, with Catalog's tables
  Readers& projection;  ///< one for what is read to index it
  telemetry::Metrics& metrics;
  /// What happened to the index; thread-safe.
  std::function<void(telemetry::Level, const std::string&)> report;
};

struct SearchStatus {
  static constexpr std::string_view schema_name = "SearchIndex";
  bool ready = false;       ///< an index is live
  bool rebuilding = false;  ///< one is built, beside the live one if there is one
  std::int64_t documents = 0;
  std::int64_t position = 0;  ///< of the catalog's log, up to which searches see it
  std::int64_t lag = 0;       ///< events beyond it
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("ready", &SearchStatus::ready),
                      field("rebuilding", &SearchStatus::rebuilding),
                      field("documents", &SearchStatus::documents),
                      field("position", &SearchStatus::position), field("lag", &SearchStatus::lag)};
  }
};

/// Keeps the search index up with Catalog's log, on a thread of its own which every commit wakes,
/// and builds it anew when it is missing, damaged or of another log. Thread-safe.
class ProductSearch final : public Participant {
 public:
  static constexpr std::chrono::seconds patience{2};
  static constexpr std::size_t waiting_max = 10'000;

  /// `log` is the writer's. Before the executor starts.
  ProductSearch(SearchParts parts, EventLog& log, OpenRows open_rows);
  ~ProductSearch() override { stop(); }

  void start();
  /// Ends the thread; what the index has seen is kept. Waits that are left are told no.
  void stop();

  [[nodiscard]] search::Index& index() { return parts_.index; }
  [[nodiscard]] Readers& readers() { return parts_.searches; }
  [[nodiscard]] telemetry::Metrics& metrics() { return parts_.metrics; }

  /// Calls `then` once, on this thread or the index's: true when searches see the log up to the
  /// position, false when that has not come true in time.
  void when_reached(std::int64_t position, std::function<void(bool)> then);
  /// The log has come to `head`, whoever wrote it.
  void log_grew(std::int64_t head);
  /// Begins a new index beside the live one, unless one is being built.
  void rebuild();
  /// How many indexes were built since the start.
  [[nodiscard]] std::int64_t built() const { return built_; }
  /// What a search found to be damaged is replaced.
  void damaged(const std::string& what);
  [[nodiscard]] SearchStatus status() const;
  [[nodiscard]] BuildStatus build_status() const {
    const auto now = status();
    return {now.rebuilding, now.position, now.lag};
  }

  void flush(UnitOfWork&) override {}
  void rolled_back() noexcept override {}
  void committed() noexcept override;

 private:
  using Steady = std::chrono::steady_clock;
  struct Wait {
    std::int64_t position;
    Steady::time_point deadline;
    std::function<void(bool)> then;
  };

  void run();
  bool step();
  void open();
  bool carry_live();
  bool carry_next();
  void publish();
  void settle(bool all);
  void rest(Steady::duration worked);
  void recover(const std::string& what, bool is_of_index);
  std::unique_ptr<SearchProjection> project(std::unique_ptr<search::Writer> writer) const;

  SearchParts parts_;
  EventLog& log_;
  OpenRows open_rows_;
  std::int64_t head_at_start_;

  // The thread's own.
  std::unique_ptr<SearchProjection> live_;
  std::unique_ptr<SearchProjection> next_;
  Steady::time_point committed_at_;
  Steady::duration committing_{};  ///< what the last commit took
  Steady::time_point sold_at_;
  int failures_ = 0;

  std::atomic<std::int64_t> position_{-1};  ///< what searches see; -1 without a live index
  std::atomic<std::int64_t> documents_{0};
  std::atomic<std::int64_t> told_{0};   ///< the head of which the thread was told
  std::atomic<std::int64_t> grown_{0};  ///< the head that the log had when it grew elsewhere
  std::atomic<std::int64_t> built_{0};  ///< rises before `rebuilding_` falls
  std::atomic<bool> rebuilding_{false};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = true;
  bool rebuild_wanted_ = false;
  bool stopping_ = false;
  std::vector<Wait> waits_;
  std::thread thread_;
};

}  // namespace stoa::catalog
