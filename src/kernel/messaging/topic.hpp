#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
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

/// The integration events of one service, a variant of its contracts. A subscriber gets those that
/// it has a function for, in order, perhaps more than once: effects must be idempotent. In one
/// process it reacts in the publisher's transaction, unless a transport brings it the event later.
/// Writer thread only, but for `concerns`, once all have subscribed.
template <class Event>
class Topic {
 public:
  /// Takes what one subscriber does with one event, once the unit is committed: a later
  /// transaction runs it. Subscribers are numbered from 0, as they came.
  using Transport = std::function<void(UnitOfWork&, std::size_t subscriber, const Delivery&,
                                       UnitOfWork::Step handle)>;

  /// Its functions `on(unit, event)` or `on(unit, delivery, event)`, and `prefetch(event)` where it
  /// has one: what the other will ask the database, as sql::Connection::prefetch.
  template <class Subscriber>
  void subscribe(std::shared_ptr<Subscriber> subscriber) {
    subscribers_.push_back(
        {[subscriber](UnitOfWork& unit, const Delivery& delivery, const Event& event) {
           std::visit([&](const auto& e) { give(*subscriber, unit, delivery, e); }, event);
         },
         [subscriber](const Event& event) {
           std::visit(
               [&]([[maybe_unused]] const auto& e) {
                 if constexpr (requires { subscriber->prefetch(e); }) subscriber->prefetch(e);
               },
               event);
         },
         takes_of<Subscriber>(std::make_index_sequence<size>{})});
  }
  /// The same of one that outlives what is published.
  template <class Subscriber>
  void subscribe(Subscriber& subscriber) {
    subscribe(std::shared_ptr<Subscriber>(std::shared_ptr<void>(), &subscriber));
  }
  void carry_by(Transport transport) { transport_ = std::move(transport); }

  /// Whether somebody takes this alternative of the variant.
  [[nodiscard]] bool concerns(std::size_t alternative) const {
    return std::ranges::any_of(subscribers_,
                               [&](const Subscription& one) { return one.takes[alternative]; });
  }

  /// Before some events are published: what their subscribers will ask.
  void prefetch(const Event& event) const {
    for (const auto& one : subscribers_)
      if (one.takes[event.index()]) one.prefetch(event);
  }

  void publish(UnitOfWork& unit, const Delivery& delivery, const Event& event) const {
    for (std::size_t at = 0; at < subscribers_.size(); ++at) {
      if (!subscribers_[at].takes[event.index()]) continue;
      UnitOfWork::Step handle = [handle = subscribers_[at].handle, delivery, event](UnitOfWork& u) {
        handle(u, delivery, event);
      };
      transport_ ? transport_(unit, at, delivery, std::move(handle))
                 : unit.react(std::move(handle));
    }
  }

 private:
  static constexpr auto size = std::variant_size_v<Event>;

  struct Subscription {
    std::function<void(UnitOfWork&, const Delivery&, const Event&)> handle;
    std::function<void(const Event&)> prefetch;
    std::array<bool, size> takes;  ///< by alternative
  };

  template <class Subscriber, class One>
  static constexpr bool takes =
      requires(Subscriber& s, UnitOfWork& unit, const One& event) { s.on(unit, event); };
  template <class Subscriber, class One>
  static constexpr bool takes_delivery =
      requires(Subscriber& s, UnitOfWork& unit, const Delivery& delivery, const One& event) {
        s.on(unit, delivery, event);
      };

  template <class Subscriber, std::size_t... At>
  static constexpr std::array<bool, size> takes_of(std::index_sequence<At...>) {
    return {(takes<Subscriber, std::variant_alternative_t<At, Event>> ||
             takes_delivery<Subscriber, std::variant_alternative_t<At, Event>>)...};
  }

  template <class Subscriber, class One>
  static void give(Subscriber& subscriber, UnitOfWork& unit, const Delivery& delivery,
                   const One& event) {
    if constexpr (takes_delivery<Subscriber, One>)
      subscriber.on(unit, delivery, event);
    else if constexpr (takes<Subscriber, One>)
      subscriber.on(unit, event);
  }

  std::vector<Subscription> subscribers_;
  Transport transport_;
};

}  // namespace stoa
