#include "platform/redis/rate_limiter.hpp"

#include <string_view>

#include "platform/redis/client.hpp"

namespace stoa::redis {
namespace {

/// CellRate::take, of which a key keeps the arrival as seconds and nanoseconds: a number of Lua
/// counts no further than 2^53. Keys: the client's. Arguments: the interval in nanoseconds and the
/// burst. Gives whether the request is let through, and the nanoseconds that the arrival is ahead.
constexpr std::string_view take_script = R"lua(
local time = redis.call('TIME')
local now_s, now_ns = tonumber(time[1]), tonumber(time[2]) * 1000
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[1]) * tonumber(ARGV[2])
local ahead = 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local s, ns = string.match(kept, '^(%d+) (%d+)$')
  if s then ahead = (tonumber(s) - now_s) * 1e9 + tonumber(ns) - now_ns end
end
ahead = math.max(0, math.min(ahead, tolerance))
local allowed = ahead + interval <= tolerance
if allowed then
  ahead = ahead + interval
  local ns = now_ns + ahead
  local s = now_s + math.floor(ns / 1e9)
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', s, ns % 1e9), 'PX',
             string.format('%.0f', math.ceil(ahead / 1e6) + 1))
end
return {allowed and 1 or 0, ahead}
)lua";

class RedisRateLimiter final : public SharedRateLimiter {
 public:
  RedisRateLimiter(const Settings& settings, RateLimit limit,
                   std::function<void(const std::string&)> warn)
      : rate_(limit),
        interval_(std::to_string(rate_.interval_ns())),
        burst_(std::to_string(limit.burst)),
        client_(settings,
                {.scripts = {take_script}, .answers_again = {}, .warn = std::move(warn)}) {}

  void take(std::string client, Timestamp, std::function<void(RateVerdict)> then) override {
    client_.run(0, {"stoa:rate:" + std::move(client)}, {interval_, burst_},
                [this, then = std::move(then)](const redisReply* reply) { then(verdict(reply)); });
  }
  [[nodiscard]] CircuitBreaker::State breaker_state() const override {
    return client_.breaker_state();
  }

 private:
  [[nodiscard]] RateVerdict verdict(const redisReply* reply) const {
    if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
      return rate_.verdict(true, 0);
    return rate_.verdict(reply->element[0]->integer == 1, reply->element[1]->integer);
  }

  const CellRate rate_;
  const std::string interval_, burst_;
  Client client_;
};

}  // namespace

std::unique_ptr<SharedRateLimiter> make_rate_limiter(const Settings& settings, RateLimit limit,
                                                     std::function<void(const std::string&)> warn) {
  return std::make_unique<RedisRateLimiter>(settings, limit, std::move(warn));
}

}  // namespace stoa::redis
