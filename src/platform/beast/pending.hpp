#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace stoa::beast {

/// Where what somebody brings meets the coroutine that waits for it, by `wake`. Of that coroutine's
/// thread alone; who brings it holds it weakly.
template <class T>
struct Pending {
  explicit Pending(boost::asio::io_context& context)
      : wake(context, boost::asio::steady_timer::time_point::max()) {}
  boost::asio::steady_timer wake;
  std::optional<T> value;

  static void settle(const std::weak_ptr<Pending>& to, T&& brought) {
    const auto pending = to.lock();
    if (!pending || pending->value) return;
    pending->value = std::move(brought);
    pending->wake.cancel();
  }
};

}  // namespace stoa::beast
