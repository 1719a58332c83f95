#include "kernel/telemetry/pipeline.hpp"

#include <algorithm>

#include "kernel/resilience/backoff.hpp"

namespace stoa::telemetry {
namespace {

constexpr Backoff pauses{std::chrono::seconds(1), std::chrono::seconds(30)};

}  // namespace

Pipeline::Pipeline(std::unique_ptr<Exporter> exporter, const Clock& clock, Metrics& metrics,
                   Log& log, PipelineOptions options)
    : exporter_(std::move(exporter)),
      clock_(clock),
      metrics_(metrics),
      log_(log),
      options_(std::move(options)),
      since_(clock.now()) {}

void Pipeline::take(SpanRecord span) noexcept { push(spans_, std::move(span)); }

void Pipeline::take(LogRecord record) noexcept { push(logs_, std::move(record)); }

/// What cannot be kept is counted later, by the thread: nobody who is measured pays for it.
template <class Record>
void Pipeline::push(Queue<Record>& queue, Record record) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (queue.waiting.size() < options_.queue_max)
      return queue.waiting.push_back(std::move(record));
    ++dropped_;
  } catch (const std::bad_alloc&) {
    ++dropped_;  // like what does not fit
  }
}

void Pipeline::start() {
  metrics_at_ = not_before_ = Steady::now();
  thread_ = std::thread([this] { run(); });
}

void Pipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Pipeline::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, options_.interval, [this] { return stopping_; });
      if (stopping_) break;
    }
    const auto now = Steady::now();
    if (now < not_before_) continue;
    bool good = send_all(Steady::time_point::max());
    if (good && options_.sends_metrics && now >= metrics_at_) {
      good = send_metrics();
      metrics_at_ = now + options_.metrics_interval;
    }
    if (!good) failed();
  }
  // The last words. One refusal ends them: the process is to stop.
  const auto until = Steady::now() + options_.stop_grace;
  if (send_all(until) && options_.sends_metrics && Steady::now() < until) send_metrics();
}

bool Pipeline::send_all(Steady::time_point until) {
  if (const auto dropped = dropped_.exchange(0); dropped > 0)
    count("dropped", static_cast<double>(dropped));
  return send_queue(spans_, until) && send_queue(logs_, until);
}

template <class Record>
bool Pipeline::send_queue(Queue<Record>& queue, Steady::time_point until) {
  while (Steady::now() < until) {
    if (queue.batch.empty()) {
      const std::lock_guard lock(mutex_);
      const auto taken = std::min(queue.waiting.size(), options_.batch_max);
      const auto end = queue.waiting.begin() + static_cast<std::ptrdiff_t>(taken);
      queue.batch.assign(std::make_move_iterator(queue.waiting.begin()),
                         std::make_move_iterator(end));
      queue.waiting.erase(queue.waiting.begin(), end);
    }
    if (queue.batch.empty()) return true;
    if (!exporter_->send(queue.batch)) {
      if (attempt_ + 1 >= options_.attempts_max) give_up(queue);
      return false;
    }
    succeeded();
    count("sent", static_cast<double>(queue.batch.size()));
    queue.batch.clear();
  }
  return false;
}

template <class Record>
void Pipeline::give_up(Queue<Record>& queue) {
  count("dropped", static_cast<double>(queue.batch.size()));
  queue.batch.clear();
}

bool Pipeline::send_metrics() {
  const bool sent = exporter_->send(metrics_.points(), since_, clock_.now());
  if (sent) succeeded();
  return sent;
}

/// Told once when it begins.
void Pipeline::failed() {
  count("failures", 1);
  const auto pause = pauses.delay(attempt_, 0);
  if (attempt_ == 0)
    log_.write(Level::warning, "The collector of telemetry does not answer",
               {{"exporter", options_.name}});
  ++attempt_;
  not_before_ = Steady::now() + pause;
}

void Pipeline::succeeded() {
  if (attempt_ > 0)
    log_.write(Level::information, "The collector of telemetry answers again",
               {{"exporter", options_.name}});
  attempt_ = 0;
}

void Pipeline::count(const char* what, double by) {
  metrics_.count("stoa_telemetry_" + std::string(what) + "_total", label("exporter", options_.name),
                 by);
}

}  // namespace stoa::telemetry
