#pragma once

#include <map>
#include <memory>
#include <string>

#include "kernel/eventlog/journal.hpp"
#include "kernel/mediator/executor.hpp"
#include "kernel/messaging/task_queue.hpp"
#include "services/notification/application/notification_store.hpp"
#include "services/notification/application/outlet.hpp"
#include "services/notification/contracts/events.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/payment/contracts/events.hpp"

namespace stoa::notification {

/// How several processes over one database come to send each message once: who sends one has
/// claimed its row before, for a while, and moves that on until it is sent. Their clocks may differ
/// by a small part of `lease`.
struct Sharing {
  /// Of claims: `member/start`, of which the first is the same after a restart, and the second
  /// never is. Empty: there is one process.
  std::string owner = {};
  Duration lease = std::chrono::seconds(60);
  bool by_tasks = false;  ///< tasks say what to send; otherwise what is due is claimed in turns
};

struct NotificationOptions {
  MakeCarrier make_mail_carrier = {};  ///< empty: mail lies in the mailbox
  MakeCarrier make_sms_carrier = {};   ///< empty: SMS lie in the mailbox
  std::string sender_name = {};        ///< of mails, and the shop's where it has none
  Duration retry_first = std::chrono::seconds(30);
  Duration give_up_after = std::chrono::hours(24);
  const telemetry::Tracer* tracer = nullptr;  ///< null or off: what is sent is not traced
  RunDelivery run_delivery = {};              ///< empty: outlets have threads of their own
  Sharing sharing = {};
};

std::optional<contracts::Event> translate(const StoredEvent& event, const RecordedEvent& row);

/// The write side of Notification. What is told is a row in the transaction of its event, once an
/// event and channel, so a crash forgets none and doubles none; it is sent after the commit, by the
/// channel's outlet, and its result is a command from inside. Writer thread only.
class Notifications {
 public:
  /// Told after a try or a settlement: for figures. `outcome` is a TryOutcome or `dead_letter`.
  using Observe = std::function<void(Channel, std::string_view outcome)>;
  Notifications(Executor& executor, const Clock& clock, IdSource& ids, EventLog& log,
                Topic<contracts::Event>& topic, NotificationStore& store, OrderSource& orders,
                const MessageWriter& writer, NotificationOptions options, Observe observe);

  void on(UnitOfWork& unit, const Delivery& delivery,
          const ordering::contracts::OrderConfirmed& event);
  void on(UnitOfWork& unit, const Delivery& delivery,
          const ordering::contracts::OrderRejected& event);
  void on(UnitOfWork& unit, const Delivery& delivery,
          const ordering::contracts::OrderCancelled& event);
  void on(UnitOfWork& unit, const Delivery& delivery,
          const ordering::contracts::FulfilmentRecorded& event);
  void on(UnitOfWork& unit, const Delivery& delivery,
          const ordering::contracts::ReturnRecorded& event);
  void on(UnitOfWork& unit, const Delivery& delivery,
          const payment::contracts::RefundCompleted& event);
  /// Hands what is due to the outlets: after a start all that was not sent.
  void take_up_due(UnitOfWork& unit);
  /// Sends the notification that a task names, if this process can claim it, and ends the task when
  /// that is recorded. From any thread.
  void take_task(const messaging::ReceivedTask& received, const messaging::Settle& settle);
  /// See notification::replay; `channel_not_configured` (conflict) when it could not go out.
  Result<void> replay(UnitOfWork& unit, const std::string& id);

  [[nodiscard]] bool is_configured(Channel channel) const { return outlets_.contains(channel); }
  /// 0 closed, 1 half open, 2 open. From any thread.
  [[nodiscard]] int breaker(Channel channel) const { return breakers_.at(channel); }
  /// Ends the outlets' threads; before the executor stops.
  void stop();

 private:
  void tell(UnitOfWork& unit, const Delivery& delivery, const std::string& order_id, Kind kind,
            std::string subject_id = {}, bool has_phone = false);
  void add(UnitOfWork& unit, const Notification& notification);
  /// Has the result of a try recorded; until it is, the claim stays.
  void record(const Delivered& delivered);
  void on_delivered(UnitOfWork& unit, const Delivered& delivered);
  void on_recorded(const Delivered& delivered, const Error* failure);
  [[nodiscard]] bool is_shared() const { return !options_.sharing.owner.empty(); }
  bool claim_now(UnitOfWork& unit, Notification& notification);
  void renew_claims(UnitOfWork& unit);
  void append(UnitOfWork& unit, const std::string& id, const std::vector<StoredEvent>& events);

  Executor& executor_;
  IdSource& ids_;
  NotificationStore& store_;
  NotificationOptions options_;
  bool started_ = false;
  Observe observe_;
  Journal<StoredEvent, contracts::Event> journal_;
  std::map<Channel, std::unique_ptr<Outlet>> outlets_;
  std::map<Channel, std::atomic<int>> breakers_;
  std::vector<Delivered> unrecorded_;                 ///< the store could not; tried again
  std::map<std::string, messaging::Settle> settles_;  ///< of tasks, by the notification's id
  Timestamp renewed_at_;
};

}  // namespace stoa::notification
