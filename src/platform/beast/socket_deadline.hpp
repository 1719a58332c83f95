#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

namespace stoa::beast {

/// One deadline at a time: when it passes, what the socket does is cancelled, and the socket stays
/// open for an answer (Beast's tcp_stream would close it). Most deadlines are moved or taken back
/// long before: the timer goes on to an earlier moment, and looks there what became of them. Of the
/// thread that runs `context` alone; `socket` outlives it.
class SocketDeadline {
 public:
  SocketDeadline(boost::asio::ip::tcp::socket& socket, boost::asio::io_context& context)
      : timer_(std::make_shared<Timer>(socket, context)) {}
  SocketDeadline(const SocketDeadline&) = delete;
  SocketDeadline& operator=(const SocketDeadline&) = delete;
  ~SocketDeadline() { timer_->clock.cancel(); }

  void arm(std::chrono::milliseconds after) {
    timer_->expired = false;
    timer_->due = Steady::now() + after;
    if (!timer_->rings || timer_->due < timer_->clock.expiry()) wait(timer_);
  }
  void disarm() { timer_->due = Steady::time_point::max(); }
  /// Whether it has passed since it was armed last.
  [[nodiscard]] bool has_expired() const { return timer_->expired; }

 private:
  using Steady = std::chrono::steady_clock;
  struct Timer {
    Timer(boost::asio::ip::tcp::socket& s, boost::asio::io_context& context)
        : socket(s), clock(context) {}
    boost::asio::ip::tcp::socket& socket;
    boost::asio::steady_timer clock;
    std::uint64_t round = 0;
    Steady::time_point due = Steady::time_point::max();
    bool rings = false;  ///< the clock waits
    bool expired = false;
  };

  static void wait(const std::shared_ptr<Timer>& timer) {
    timer->rings = true;
    timer->clock.expires_at(timer->due);
    timer->clock.async_wait(
        [weak = std::weak_ptr(timer), round = ++timer->round](boost::system::error_code code) {
          const auto timer = weak.lock();
          if (timer && !code && timer->round == round) ring(timer);
        });
  }
  static void ring(const std::shared_ptr<Timer>& timer) {
    timer->rings = false;
    if (timer->due == Steady::time_point::max()) return;
    if (const auto now = Steady::now(); now >= timer->due) {
      timer->expired = true;
      boost::system::error_code code;
      timer->socket.cancel(code);
      timer->due = now + std::chrono::milliseconds(50);  // it may have been between two reads
    }
    wait(timer);
  }

  std::shared_ptr<Timer> timer_;  ///< shared with the clock's handler, which may come late
};

}  // namespace stoa::beast
