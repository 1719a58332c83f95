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
/// order, perhaps more than once: effects must be idempotent. Writer thread only.
template <class Event>
class Topic {
 public:
  using Handler = std::function<void(UnitOfWork&, const Delivery&, const Event&)>;

  void subscribe(Handler handler) { handlers_.push_back(std::move(handler)); }

  void publish(UnitOfWork& unit, const Delivery& delivery, const Event& event) const {
    for (const auto& handler : handlers_)
      unit.react([handler, delivery, event](UnitOfWork& u) { handler(u, delivery, event); });
  }

 private:
  std::vector<Handler> handlers_;
};

}  // namespace stoa
