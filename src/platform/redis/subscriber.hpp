#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/redis/settings.hpp"

namespace stoa::redis {

/// Hears a channel, on a connection and a thread of its own, until it is destroyed. The server
/// keeps nothing for who is away: between `lost` and `heard_from_now` messages were missed. A
/// server that has not given a sign of life for about two seconds counts as lost.
class Subscriber {
 public:
  /// Called on the subscriber's thread; short, and do not throw.
  struct Calls {
    std::function<void()> heard_from_now;
    std::function<void(std::string_view message)> heard;
    std::function<void()> lost;
  };
  virtual ~Subscriber() = default;
};

std::unique_ptr<Subscriber> make_subscriber(Settings settings, std::string channel,
                                            Subscriber::Calls calls);

}  // namespace stoa::redis
