#include "kernel/cache/cache_aside.hpp"

#include <utility>

namespace stoa {

void CacheAside::get(const std::string& key, Freshness freshness, Load load, Answer answer) {
  cache_.get(key, [this, key, freshness, load = std::move(load),
                   answer = std::move(answer)](std::optional<Cache::Entry> entry) {
    if (entry && entry->revision >= freshness.good_from) return answer(std::move(entry->value));
    join(key, freshness.durable, load, answer);
  });
}

CacheAside::Value CacheAside::peek(const std::string& key, std::int64_t good_from) {
  auto entry = cache_.peek(key);
  return entry && entry->revision >= good_from ? std::move(entry->value) : nullptr;
}

void CacheAside::join(const std::string& key, std::int64_t durable, const Load& load,
                      const Answer& answer) {
  std::shared_ptr<Flight> flight;
  bool is_mine = false;
  {
    const std::lock_guard lock(mutex_);
    auto& current = flights_[key];
    is_mine = !current || current->began_at < durable;
    // Who waits for an older one is answered by it.
    if (is_mine) current = std::make_shared<Flight>(durable);
    if (current->waiting.size() < waiting_max) {
      flight = current;
      flight->waiting.push_back(answer);
    }
  }
  if (!flight) return answer(fail(overloaded()));
  if (!is_mine) return;
  ++loads_;
  load([this, key, flight](Result<Loaded> loaded) { land(key, flight, std::move(loaded)); });
}

void CacheAside::land(const std::string& key, const std::shared_ptr<Flight>& flight,
                      Result<Loaded> loaded) {
  Value value;
  if (loaded && loaded->value) {
    value = std::make_shared<const std::string>(std::move(*loaded->value));
    cache_.set_if_newer(key, loaded->revision, *value, ttl);
  } else {
    cache_.abandon(key);
  }
  std::vector<Answer> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::move(flight->waiting);
    flight->waiting.clear();
    if (const auto at = flights_.find(key); at != flights_.end() && at->second == flight)
      flights_.erase(at);
  }
  for (const auto& answer : waiting) answer(loaded ? Result<Value>(value) : fail(loaded.error()));
}

}  // namespace stoa
