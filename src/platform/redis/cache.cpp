#include "platform/redis/cache.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <unordered_map>

#include "platform/redis/cache_scripts.hpp"
#include "platform/redis/client.hpp"
#include "platform/redis/subscriber.hpp"

namespace stoa::redis {
namespace {

using std::chrono::milliseconds;

enum Script : std::size_t { set_if_newer, invalidate_key, raise_floor, lock, unlock };

constexpr milliseconds poll_pause{5};  ///< between two looks for what another process loads
constexpr std::size_t loads_max = 10'000;

std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// As it stands in Redis: `V<revision> <expires> <load>\n<value>`, the second in milliseconds of
/// Unix time, the third in microseconds that the load took.
struct Stored {
  std::int64_t revision = 0;
  std::int64_t expires_ms = 0;
  std::int64_t load_us = 0;
  std::string_view value;
};

std::string write(const Stored& stored) {
  std::string text;
  text.reserve(stored.value.size() + 64);
  text.append("V").append(std::to_string(stored.revision));
  text.append(" ").append(std::to_string(stored.expires_ms));
  text.append(" ").append(std::to_string(stored.load_us));
  return text.append("\n").append(stored.value);
}

/// Nothing of a tombstone, and of what is not ours.
std::optional<Stored> parse(std::string_view text) {
  const auto take = [&](char before) -> std::optional<std::int64_t> {
    if (!text.starts_with(before)) return std::nullopt;
    text.remove_prefix(1);
    return take_number(text);
  };
  const auto revision = take('V');
  const auto expires = revision ? take(' ') : std::nullopt;
  const auto load = expires ? take(' ') : std::nullopt;
  if (!load || !text.starts_with('\n')) return std::nullopt;
  return Stored{*revision, *expires, *load, text.substr(1)};
}

std::string_view text_of(const redisReply* reply) {
  return reply != nullptr && reply->type == REDIS_REPLY_STRING
             ? std::string_view(reply->str, reply->len)
             : std::string_view();
}

double random_fraction() {  // above 0, below 1
  thread_local std::minstd_rand source{std::random_device{}()};
  return std::uniform_real_distribution<double>(1e-9, 1)(source);
}

/// Whether to load before the value expires, so that not all who ask for it find it missing at
/// once: now − load · ln(random) ≥ expiry. XFetch with β = 1 (A. Vattani, F. Chierichetti,
/// K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
bool is_early(const Stored& stored, Timestamp now) {
  const auto ahead_us = -static_cast<double>(stored.load_us) * std::log(random_fraction());
  const auto left_us = static_cast<double>((stored.expires_ms - to_unix_milliseconds(now)) * 1'000);
  return ahead_us >= left_us;
}

class RedisCache final : public SharedCache {
 public:
  RedisCache(const Settings& settings, std::unique_ptr<NearCache> near, const Clock& clock,
             std::function<void(const std::string&)> warn, CacheOptions options)
      : near_(std::move(near)),
        clock_(clock),
        options_(options),
        name_(std::to_string(std::random_device{}()) + "-" +
              std::to_string(std::random_device{}())),
        prefix_("stoa:cache:"),
        floor_key_("stoa:cache-floor"),
        channel_("stoa:cache:" + std::to_string(settings.database) + ":invalidated"),
        client_(settings, {.scripts = {scripts::set_if_newer, scripts::invalidate,
                                       scripts::raise_floor, scripts::lock, scripts::unlock},
                           .answers_again = [this] { tell_floor(); },
                           .warn = std::move(warn)}),
        subscriber_(
            make_subscriber(settings, channel_,
                            {.heard_from_now =
                                 [this] {
                                   near_->forget_values();  // what was told meanwhile is not known
                                   hears_ = true;
                                 },
                             .heard = [this](std::string_view message) { hear(message); },
                             .lost =
                                 [this] {
                                   hears_ = false;
                                   near_->forget_values();
                                 }})) {}
  ~RedisCache() override {
    subscriber_.reset();
    client_.stop();
  }

  void get(const std::string& key, const Found& found) override {
    if (auto entry = near_entry(key)) return found(std::move(entry));
    if (is_loading(key)) {
      ++misses_;
      return found(std::nullopt);
    }
    look(key, found, Client::Steady::now() + options_.load_wait_max);
  }

  [[nodiscard]] std::optional<Entry> peek(const std::string& key) override {
    return near_entry(key);
  }

  void set_if_newer(const std::string& key, std::int64_t revision, std::string value,
                    Duration ttl) override {
    const auto load = end_load(key);
    // What was put there together is not missed together.
    const auto life =
        std::max(milliseconds(1),
                 std::chrono::duration_cast<milliseconds>(ttl * (1 - random_fraction() / 10)));
    const auto stored = write({revision, to_unix_milliseconds(clock_.now() + life),
                               std::chrono::duration_cast<Duration>(load.took).count(), value});
    keep_near(key, revision, std::move(value), ttl);
    client_.run(Script::set_if_newer, {prefix_ + key, lock_of(key)},
                {std::to_string(revision), stored, std::to_string(life.count()), load.token},
                [this](const redisReply* reply) {
                  if (reply != nullptr && reply->type == REDIS_REPLY_INTEGER && reply->integer == 0)
                    ++refused_;
                });
  }

  void abandon(const std::string& key) override {
    const auto load = end_load(key);
    if (load.token.empty()) return;
    client_.run(Script::unlock, {lock_of(key)}, {load.token}, [](const redisReply*) {});
  }

  void invalidate(const std::string& key, std::int64_t revision) override {
    near_->invalidate(key, revision);
    const auto text = std::to_string(revision);
    const auto life = std::chrono::duration_cast<milliseconds>(options_.tombstone_ttl);
    client_.run(Script::invalidate_key, {prefix_ + key},
                {text, std::to_string(life.count()), channel_, text + " " + key},
                [this, revision](const redisReply* reply) {
                  if (reply != nullptr && reply->type != REDIS_REPLY_ERROR) return;
                  raise(untold_, revision);
                });
    if (untold_ > 0) tell_floor();
  }

  [[nodiscard]] CacheFigures figures() const override {
    auto figures = near_->figures();
    figures.hits = hits_;
    figures.misses = misses_;
    figures.refused += refused_;
    return figures;
  }
  [[nodiscard]] CircuitBreaker::State breaker_state() const override {
    return client_.breaker_state();
  }
  [[nodiscard]] bool hears_others() const override { return hears_; }

 private:
  struct Load {
    std::string token;
    Client::Steady::time_point began;
  };
  struct EndedLoad {
    std::string token;
    Client::Steady::duration took = milliseconds(1);
  };

  static void raise(std::atomic<std::int64_t>& number, std::int64_t to) {
    for (auto seen = number.load(); seen < to && !number.compare_exchange_weak(seen, to);) {
    }
  }

  [[nodiscard]] std::string lock_of(const std::string& key) const {
    return "stoa:cache-load:" + key;
  }

  std::optional<Entry> near_entry(const std::string& key) {
    auto entry = near_->peek(key);
    if (!entry || entry->revision < floor_) return std::nullopt;
    ++hits_;
    return entry;
  }

  /// The near cache judges what comes from Redis too: it knows what this process has invalidated.
  void keep_near(const std::string& key, std::int64_t revision, std::string value, Duration ttl) {
    near_->set_if_newer(key, revision, std::move(value),
                        std::min(ttl, hears_ ? options_.near_ttl : options_.near_ttl_deaf));
  }

  /// Asks Redis; a value that another process loads is waited for until `end`.
  void look(const std::string& key, const Found& found, Client::Steady::time_point end) {
    client_.send({"MGET", prefix_ + key, floor_key_},
                 [this, key, found, end](const redisReply* reply) {
                   if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
                     return miss(found);
                   if (untold_ > 0) tell_floor();
                   auto floor = text_of(reply->element[1]);
                   raise(floor_, take_number(floor).value_or(0));
                   const auto stored = parse(text_of(reply->element[0]));
                   auto entry = stored ? judge(key, *stored) : std::nullopt;
                   if (entry && !is_early(*stored, clock_.now()))
                     return give(found, std::move(entry));
                   begin_load(key, found, entry, end);
                 });
  }

  std::optional<Entry> judge(const std::string& key, const Stored& stored) {
    const auto left = milliseconds(stored.expires_ms - to_unix_milliseconds(clock_.now()));
    keep_near(key, stored.revision, std::string(stored.value), std::max(left, milliseconds(1)));
    auto entry = near_->peek(key);
    if (!entry || entry->revision < floor_) return std::nullopt;
    return entry;
  }

  /// Who gets the lock loads; the others are given what there is, or wait.
  void begin_load(const std::string& key, const Found& found, const std::optional<Entry>& entry,
                  Client::Steady::time_point end) {
    const auto token = name_ + ":" + std::to_string(++tokens_);
    const auto lease = std::chrono::duration_cast<milliseconds>(options_.load_lease);
    client_.run(Script::lock, {prefix_ + key, lock_of(key)},
                {token, std::to_string(lease.count()), entry ? "1" : ""},
                [this, key, found, entry, end, token](const redisReply* reply) {
                  if (const auto came = parse(text_of(reply))) {
                    auto judged = judge(key, *came);
                    return judged ? give(found, std::move(judged)) : miss(found);
                  }
                  const bool is_told = reply != nullptr && reply->type == REDIS_REPLY_INTEGER;
                  const bool is_mine = is_told && reply->integer == 1;
                  if (is_mine) note_load(key, token);
                  if (!is_mine && entry) return give(found, entry);
                  if (!is_told || is_mine || Client::Steady::now() >= end) return miss(found);
                  client_.later(poll_pause, [this, key, found, end] { look(key, found, end); });
                });
  }

  void give(const Found& found, std::optional<Entry> entry) {
    ++hits_;
    found(std::move(entry));
  }
  void miss(const Found& found) {
    ++misses_;
    found(std::nullopt);
  }

  void note_load(const std::string& key, const std::string& token) {
    const std::lock_guard lock(mutex_);
    // Loads that never ended are forgotten like the rest: their locks have run out.
    if (loads_.size() >= loads_max) loads_.clear();
    loads_.insert_or_assign(key, Load{token, Client::Steady::now()});
  }
  [[nodiscard]] bool is_loading(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto at = loads_.find(key);
    if (at == loads_.end()) return false;
    if (Client::Steady::now() - at->second.began < options_.load_lease) return true;
    loads_.erase(at);
    return false;
  }
  EndedLoad end_load(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto at = loads_.find(key);
    if (at == loads_.end()) return {};
    EndedLoad ended{std::move(at->second.token), Client::Steady::now() - at->second.began};
    loads_.erase(at);
    return ended;
  }

  /// `<revision> <key>`: the key was invalidated; without a key: all that is older is refused.
  void hear(std::string_view message) {
    const auto revision = take_number(message);
    if (!revision || !message.starts_with(' ')) return;
    message.remove_prefix(1);
    if (message.empty()) return raise(floor_, *revision);
    near_->invalidate(std::string(message), *revision);
  }

  /// What could not be told key by key is told at once for all of them.
  void tell_floor() {
    const auto revision = untold_.load();
    if (revision == 0) return;
    const auto text = std::to_string(revision);
    client_.run(Script::raise_floor, {floor_key_}, {text, channel_, text + " "},
                [this, revision](const redisReply* reply) {
                  if (reply == nullptr || reply->type == REDIS_REPLY_ERROR) return;
                  auto told = revision;
                  untold_.compare_exchange_strong(told, 0);
                });
  }

  const std::unique_ptr<NearCache> near_;
  const Clock& clock_;
  const CacheOptions options_;
  const std::string name_;
  const std::string prefix_, floor_key_, channel_;
  std::atomic<bool> hears_{false};
  std::atomic<std::int64_t> floor_{0};   ///< nothing older is given
  std::atomic<std::int64_t> untold_{0};  ///< the newest invalidation that Redis may not have
  std::atomic<std::uint64_t> tokens_{0};
  std::atomic<std::uint64_t> hits_{0}, misses_{0}, refused_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, Load> loads_;  ///< of this process
  Client client_;
  std::unique_ptr<Subscriber> subscriber_;
};

}  // namespace

std::unique_ptr<SharedCache> make_cache(const Settings& settings, std::unique_ptr<NearCache> near,
                                        const Clock& clock,
                                        std::function<void(const std::string&)> warn,
                                        CacheOptions options) {
  return std::make_unique<RedisCache>(settings, std::move(near), clock, std::move(warn), options);
}

}  // namespace stoa::redis
