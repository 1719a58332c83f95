#include "platform/redis/subscriber.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "kernel/resilience/backoff.hpp"
#include "platform/redis/client.hpp"

namespace stoa::redis {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr Backoff reconnect_pause{milliseconds(100), std::chrono::seconds(2)};
constexpr milliseconds ping_every{500};
constexpr milliseconds silence_max{2'000};

class TheSubscriber final : public Subscriber {
 public:
  TheSubscriber(Settings settings, std::string channel, Calls calls)
      : settings_(std::move(settings)),
        channel_(std::move(channel)),
        calls_(std::move(calls)),
        wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_fd_ < 0) throw std::runtime_error("Redis: no event descriptor is left");
    thread_ = std::thread([this] { serve(); });
  }
  ~TheSubscriber() override {
    stopping_ = true;
    const std::uint64_t one = 1;
    static_cast<void>(!write(wake_fd_, &one, sizeof one));
    thread_.join();
    close(wake_fd_);
  }

 private:
  void serve() {
    ignore_broken_pipes();
    std::int64_t failures = 0;
    while (!stopping_) {
      bool is_subscribed = false;
      try {
        Link link(settings_);
        link.ask({"SUBSCRIBE", channel_});
        link.stop_waiting();
        failures = 0;
        is_subscribed = true;
        calls_.heard_from_now();
        listen(link);
      } catch (const Unreachable&) {  // the client of the same server tells it
        const auto pause = reconnect_pause.delay(failures++, static_cast<std::uint64_t>(wake_fd_));
        if (is_subscribed) calls_.lost();
        static_cast<void>(wait(-1, std::chrono::ceil<milliseconds>(pause)));
      }
    }
  }

  void listen(Link& link) {
    auto heard_at = Steady::now();
    auto pinged_at = heard_at;
    while (!stopping_) {
      if (wait(link.fd(), ping_every)) link.read();
      while (const auto reply = link.next()) {
        heard_at = Steady::now();
        take(*reply);
      }
      const auto now = Steady::now();
      if (now - heard_at > silence_max) throw Unreachable("Redis does not answer");
      if (now - pinged_at >= ping_every) {
        pinged_at = now;
        link.append({"PING"});
        link.write();
      }
      if (link.is_lost()) throw Unreachable("Redis: the connection broke");
    }
  }

  void take(const redisReply& reply) const {
    if (reply.type != REDIS_REPLY_ARRAY || reply.elements != 3) return;
    const auto text = [&](std::size_t at) {
      return std::string_view(reply.element[at]->str, reply.element[at]->len);
    };
    if (text(0) == "message") calls_.heard(text(2));
  }

  /// Whether there is something to read.
  [[nodiscard]] bool wait(int fd, milliseconds most) const {
    pollfd watched[2] = {{wake_fd_, POLLIN, 0}, {fd, POLLIN, 0}};
    poll(watched, 2, static_cast<int>(most.count()));
    return watched[1].revents != 0;
  }

  const Settings settings_;
  const std::string channel_;
  const Calls calls_;
  const int wake_fd_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Subscriber> make_subscriber(Settings settings, std::string channel,
                                            Subscriber::Calls calls) {
  return std::make_unique<TheSubscriber>(std::move(settings), std::move(channel), std::move(calls));
}

}  // namespace stoa::redis
