#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/base/assert.hpp"

namespace stoa::catalog {

/// States by key in memory, the least recently used forgotten first. Changed ones stay until they
/// are written, so pointers live until the next flush.
template <class State>
class WriteBackCache {
 public:
  explicit WriteBackCache(std::size_t size_max) : size_max_(size_max) {}

  [[nodiscard]] bool contains(const std::string& key) const { return entries_.contains(key); }

  /// From memory, or from `load`; null when there is none.
  template <class Load>
  State* find(const std::string& key, Load&& load) {
    if (const auto at = entries_.find(key); at != entries_.end()) {
      order_.splice(order_.begin(), order_, at->second.place);
      return &at->second.state;
    }
    auto state = load(key);
    return state ? put(key, std::move(*state)) : nullptr;
  }

  /// The key must be new.
  State* put(const std::string& key, State state) {
    const auto [at, fresh] = entries_.try_emplace(key);
    STOA_ASSERT(fresh);
    at->second.state = std::move(state);
    order_.push_front(&at->first);
    at->second.place = order_.begin();
    return &at->second.state;
  }

  void touch(const std::string& key) {
    auto& entry = entries_.at(key);
    if (entry.dirty) return;
    entry.dirty = true;
    dirty_.push_back(&entry);
  }

  template <class Store>
  void flush(Store&& store) {
    for (auto* entry : dirty_) {
      store(entry->state);
      entry->dirty = false;
    }
    dirty_.clear();
    while (entries_.size() > size_max_) {
      const auto last = entries_.find(*order_.back());
      order_.pop_back();
      entries_.erase(last);
    }
  }

  void clear() noexcept {
    dirty_.clear();
    order_.clear();
    entries_.clear();
  }

 private:
  struct Entry {
    State state;
    bool dirty = false;
    std::list<const std::string*>::iterator place;
  };
  std::size_t size_max_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<const std::string*> order_;
  std::vector<Entry*> dirty_;
};

}  // namespace stoa::catalog
