#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernel/resilience/outside_calls.hpp"
#include "kernel/telemetry/tracer.hpp"
#include "services/notification/application/carrier.hpp"
#include "services/notification/application/writing.hpp"

namespace stoa::notification {

using MakeCarrier = std::function<std::unique_ptr<Carrier>()>;
/// Runs a delivery on a thread of its choice. What it keeps goes before the outlet does.
using RunDelivery = std::function<void(std::function<void()> deliver)>;

/// What a try came to, and whether the other side was reached.
struct Delivered {
  Notification notification;
  TryResult result;
  bool reached = true;
};

/// A channel's way out: a few threads that read the order, write the message and send it, each with
/// a carrier of its own, behind a breaker. It keeps nothing: what it was given and did not report
/// is still queued in the store.
class Outlet {
 public:
  /// `tracer` may be null. `report` is called on the outlet's threads, once for every notification
  /// that was sent off. With a `run` there are no threads: it runs one delivery after another.
  using Report = std::function<void(Delivered)>;
  Outlet(const Clock& clock, OrderSource& orders, const MessageWriter& writer,
         const MakeCarrier& make_carrier, Report report, const telemetry::Tracer* tracer,
         RunDelivery run);
  Outlet(const Outlet&) = delete;
  ~Outlet();

  /// Takes it in unless it is here already or the line is full. Writer thread.
  void take(const Notification& notification);
  /// The try of this notification is recorded, or lost. Writer thread.
  void recorded(const std::string& id, bool reached);
  /// Sends what waits if it may go now. Writer thread.
  void tend();
  /// How many more may be claimed for it: a few times what is on its way at once. Writer thread.
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] bool is_idle() const { return taken_.empty(); }  ///< Writer thread.
  /// The claim of what it has taken holds until then. From any thread.
  void renewed(const std::string& id, Timestamp until);
  [[nodiscard]] CircuitBreaker::State breaker_state() const { return calls_.breaker_state(); }

  /// Takes nothing more; lets what is being sent end for a moment, then interrupts it. After it
  /// nothing is reported.
  void stop();

 private:
  void post(Notification notification);
  void work(Carrier& carrier);
  [[nodiscard]] bool is_claim_over(const std::string& id);
  [[nodiscard]] Delivered deliver_in_span(Carrier& carrier, Notification notification);
  [[nodiscard]] Delivered deliver(Carrier& carrier, Notification notification);

  const Clock& clock_;
  OrderSource& orders_;
  const MessageWriter& writer_;
  Report report_;
  const telemetry::Tracer* tracer_;
  OutsideCalls calls_;
  RunDelivery run_;
  std::unordered_set<std::string> taken_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Notification> posted_;
  std::size_t at_work_ = 0;
  bool stopping_ = false;
  std::unordered_map<std::string, Timestamp> claims_;  ///< until when what is claimed may be sent
  std::vector<std::unique_ptr<Carrier>> carriers_;
  std::vector<std::thread> threads_;
};

}  // namespace stoa::notification
