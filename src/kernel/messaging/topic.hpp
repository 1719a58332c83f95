#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kernel/eventlog/event_log.hpp"
#include "kernel/mediator/unit_of_work.hpp"

namespace stoa {

/// Where an integration event came from.
struct Delivery {
  std::int64_t position = 0;  ///< in the log of the service that published it
  std::string event_id;       ///< `stream@revision`: the same event has the same id for ever
  Timestamp recorded_at;
};

/// The integration events of one service, a variant of its contracts. Subscribers get each event in
/// order, perhaps more than once: effects must be idempotent. In one process a subscriber reacts in
/// the publisher's transaction, unless a transport brings it the event later. Writer thread only.
template <class Event>
class Topic {
 public:
  using Handler = std::function<void(UnitOfWork&, const Delivery&, const Event&)>;
  /// Takes what one subscriber does with one event, once the unit is committed: a later
  /// transaction runs it. Subscribers are numbered from 0, as they came.
  using Transport = std::function<void(UnitOfWork&, std::size_t subscriber, const Delivery&,
                                       UnitOfWork::Step handle)>;

  void subscribe(Handler handler) { handlers_.push_back(std::move(handler)); }
  void carry_by(Transport transport) { transport_ = std::move(transport); }

  void publish(UnitOfWork& unit, const Delivery& delivery, const Event& event) const {
    for (std::size_t at = 0; at < handlers_.size(); ++at) {
      UnitOfWork::Step handle = [handler = handlers_[at], delivery, event](UnitOfWork& u) {
        handler(u, delivery, event);
      };
      transport_ ? transport_(unit, at, delivery, std::move(handle))
                 : unit.react(std::move(handle));
    }
  }

 private:
  std::vector<Handler> handlers_;
  Transport transport_;
};

}  // namespace stoa
