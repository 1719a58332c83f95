#include "services/catalog/application/product_search.hpp"

#include <algorithm>
#include <iterator>

namespace stoa::catalog {
namespace {

using namespace std::chrono_literals;
using Severity = telemetry::Level;

/// What comes together is committed together; and who searches needs two commits' time to end.
constexpr auto gather_min = 25ms;
constexpr auto gather_max = 100ms;    ///< while there is much
constexpr auto commit_every = 500ms;  ///< while more is to come, and commits are quick
constexpr int commit_share = 5;       ///< commits take no more than one part in so many
constexpr auto sold_every = 10s;
constexpr auto retry_after = 1s;
constexpr int documents_a_commit = 2'000;
constexpr std::size_t skus_sold_max = 20'000;  ///< remembered before they are written
constexpr int failures_max = 2;                ///< of an index, before it is given up

}  // namespace

ProductSearch::ProductSearch(SearchParts parts, EventLog& log, OpenRows open_rows)
    : parts_(std::move(parts)),
      log_(log),
      open_rows_(std::move(open_rows)),
      head_at_start_(log.head()) {
  parts_.metrics.gauge("stoa_search_documents",
                       [this] { return static_cast<double>(documents_.load()); });
  parts_.metrics.gauge("stoa_search_lag_events",
                       [this] { return static_cast<double>(status().lag); });
  parts_.metrics.gauge("stoa_search_ready", [this] { return status().ready ? 1.0 : 0.0; });
  parts_.metrics.buckets("stoa_search_seconds", {0.0005, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012,
                                                 0.02, 0.05, 0.1, 0.25, 0.5, 1});
}

void ProductSearch::start() {
  thread_ = std::thread([this] { run(); });
}

void ProductSearch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  settle(true);
}

void ProductSearch::committed() noexcept {
  const auto head = log_.durable_head();
  if (head == told_) return;
  told_ = head;
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void ProductSearch::log_grew(std::int64_t head) {
  grown_ = head;
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

void ProductSearch::rebuild() {
  {
    const std::lock_guard lock(mutex_);
    rebuild_wanted_ = woken_ = true;
  }
  wake_.notify_one();
}

void ProductSearch::damaged(const std::string& what) {
  if (!rebuilding_)
    parts_.report(Severity::warning, "The search index is damaged and is built anew: " + what);
  rebuild();
}

SearchStatus ProductSearch::status() const {
  const auto position = position_.load();
  const auto head = std::max({head_at_start_, log_.durable_head(), grown_.load()});
  return {position >= 0, rebuilding_, documents_, std::max<std::int64_t>(position, 0),
          std::max<std::int64_t>(0, head - std::max<std::int64_t>(position, 0))};
}

void ProductSearch::when_reached(std::int64_t position, std::function<void(bool)> then) {
  if (position_ >= position) return then(true);
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && waits_.size() < waiting_max) {
      waits_.push_back({position, Steady::now() + patience, std::move(then)});
      then = nullptr;
      woken_ = true;
    }
  }
  if (then) return then(false);
  wake_.notify_one();
}

/// Tells those whose position has come, and those whose time is over; or all.
void ProductSearch::settle(bool all) {
  std::vector<Wait> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Steady::now();
    const auto rest = std::partition(waits_.begin(), waits_.end(), [&](const Wait& wait) {
      return !all && wait.deadline > now && position_ < wait.position;
    });
    std::move(rest, waits_.end(), std::back_inserter(ended));
    waits_.erase(rest, waits_.end());
  }
  for (auto& wait : ended) wait.then(position_ >= wait.position);
}

void ProductSearch::run() {
  for (;;) {
    const auto begun = Steady::now();
    bool more = false;
    try {
      more = step();
      failures_ = 0;
    } catch (const search::Failure& e) {
      recover(e.what(), true);
    } catch (const std::exception& e) {
      recover(e.what(), false);
    }
    settle(false);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    if (!more) rest(Steady::now() - begun);
  }
  try {
    if (live_ && (live_->skus_sold() > 0 || live_->documents_uncommitted() > 0))
      live_->write_sold();
    else if (live_)
      live_->commit();
  } catch (const std::exception& e) {
    parts_.report(Severity::error,
                  std::string("The search index was not closed well: ") + e.what());
  }
  live_.reset();
  next_.reset();
}

/// Until a commit wakes it, or there is something to do by the clock. A little longer when there
/// was much to do, so that under steady writing it works a part of the time only.
void ProductSearch::rest(Steady::duration worked) {
  std::unique_lock lock(mutex_);
  auto until = Steady::now() + 1h;
  if (!live_ && !next_) until = Steady::now() + retry_after;
  if (live_ && live_->skus_sold() > 0) until = std::min(until, sold_at_ + sold_every);
  for (const auto& wait : waits_) until = std::min(until, wait.deadline);
  wake_.wait_until(lock, until, [this] { return woken_ || stopping_; });
  woken_ = false;
  const auto pause = std::clamp<Steady::duration>(3 * worked, gather_min, gather_max);
  wake_.wait_for(lock, pause, [this] { return stopping_; });
}

std::unique_ptr<SearchProjection> ProductSearch::project(
    std::unique_ptr<search::Writer> writer) const {
  return std::make_unique<SearchProjection>(std::move(writer), parts_.projection, open_rows_);
}

void ProductSearch::open() {
  if (failures_ >= failures_max) {
    parts_.index.discard_live();
  } else if (auto writer = parts_.index.open_live()) {
    auto found = project(std::move(writer));
    if (found->is_of_this_log()) {
      live_ = std::move(found);
      sold_at_ = Steady::now();
      return publish();
    }
    parts_.report(Severity::warning,
                  "The search index is of another log, or newer than it: it is built anew.");
    found.reset();
    parts_.index.discard_live();
  }
  position_ = -1;
  const std::lock_guard lock(mutex_);
  rebuild_wanted_ = true;
}

bool ProductSearch::step() {
  if (!live_ && !next_) open();
  bool begin = false;
  {
    const std::lock_guard lock(mutex_);
    begin = std::exchange(rebuild_wanted_, false) && !next_;
  }
  if (begin) {
    next_ = project(parts_.index.begin());
    rebuilding_ = true;
  }
  bool more = live_ && carry_live();
  if (next_) more = carry_next() || more;
  return more;
}

bool ProductSearch::carry_live() {
  const bool more = live_->slice();
  const auto now = Steady::now();
  const auto documents = live_->documents_uncommitted();
  if (documents > 0 && (!more || documents >= documents_a_commit ||
                        now - committed_at_ >
                            std::max<Steady::duration>(commit_every, commit_share * committing_))) {
    live_->commit();
    committed_at_ = Steady::now();
    committing_ = committed_at_ - now;
  }
  if (live_->documents_uncommitted() == 0) publish();
  if (live_->skus_sold() == 0) sold_at_ = now;
  if (!more && (now - sold_at_ >= sold_every || live_->skus_sold() > skus_sold_max)) {
    if (live_->skus_sold() > 0) live_->write_sold();
    sold_at_ = now;
  }
  return more;
}

/// When the new index has come to the head of the log, it takes the place of the live one.
bool ProductSearch::carry_next() {
  const bool more = next_->slice();
  if (next_->documents_uncommitted() >= documents_a_commit) next_->commit();
  if (more) return true;
  next_->write_sold();
  live_.reset();
  next_->resume(parts_.index.adopt(next_->release()));
  live_ = std::move(next_);
  ++built_;
  rebuilding_ = false;
  sold_at_ = Steady::now();
  publish();
  parts_.report(Severity::information,
                "The search index was built: " + std::to_string(documents_) + " products.");
  return false;
}

void ProductSearch::publish() {
  const auto seen = live_->position();
  if (seen == position_ && documents_ > 0) return;
  documents_ = parts_.index.documents();
  position_ = seen;
}

/// The projection begins again from what is committed; a damaged index, after a second try, from
/// nothing.
void ProductSearch::recover(const std::string& what, bool is_of_index) {
  if (is_of_index) ++failures_;
  parts_.report(Severity::warning, "The search index could not be carried on: " + what);
  live_.reset();
  next_.reset();
  rebuilding_ = false;
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, retry_after, [this] { return stopping_; });
}

}  // namespace stoa::catalog
