#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/telemetry/log.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "kernel/telemetry/tracer.hpp"

namespace stoa::telemetry {

struct PipelineOptions {
  std::string name;                             ///< in figures and logs: `otlp`, `zipkin`
  Duration interval = std::chrono::seconds(1);  ///< of spans and logs
  Duration metrics_interval = std::chrono::seconds(15);
  std::size_t queue_max = 8'192;  ///< spans, and as many log records; more are dropped and counted
  std::size_t batch_max = 512;    ///< in one request to the collector
  int attempts_max = 5;           ///< then a batch is dropped and counted
  Duration stop_grace = std::chrono::seconds(2);
  bool sends_metrics = true;
};

/// Sends telemetry to one collector from a thread of its own, so that no request ever waits for it.
/// What does not fit is dropped; a collector that does not answer is asked again ever more rarely.
class Pipeline final : public SpanSink, public LogSink {
 public:
  /// Counts `stoa_telemetry_{sent,dropped,failures}_total{exporter}`. All outlive it.
  Pipeline(std::unique_ptr<Exporter> exporter, const Clock& clock, Metrics& metrics, Log& log,
           PipelineOptions options);
  ~Pipeline() override { stop(); }

  void take(SpanRecord span) noexcept override;
  void take(LogRecord record) noexcept override;

  void start();
  /// Sends what waits as long as `stop_grace` allows, and ends the thread. At most one request to
  /// the collector is under way when the grace ends.
  void stop();

 private:
  using Steady = std::chrono::steady_clock;
  template <class Record>
  struct Queue {
    std::deque<Record> waiting;
    std::vector<Record> batch;  ///< taken out, until it has arrived or is given up
  };

  void run();
  /// False when the collector did not take it.
  bool send_all(Steady::time_point until);
  template <class Record>
  bool send_queue(Queue<Record>& queue, Steady::time_point until);
  template <class Record>
  void push(Queue<Record>& queue, Record record) noexcept;
  template <class Record>
  void give_up(Queue<Record>& queue);
  bool send_metrics();
  void failed();
  void succeeded();
  void count(const char* what, double by);

  std::unique_ptr<Exporter> exporter_;
  const Clock& clock_;
  Metrics& metrics_;
  Log& log_;
  PipelineOptions options_;
  Timestamp since_;
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  Queue<SpanRecord> spans_;
  Queue<LogRecord> logs_;
  bool stopping_ = false;

  // Of the thread alone.
  int attempt_ = 0;  ///< how often the collector has not answered, one after another
  Steady::time_point not_before_;
  Steady::time_point metrics_at_;
  std::thread thread_;
};

}  // namespace stoa::telemetry
