#include "kernel/eventlog/news.hpp"

#include <algorithm>
#include <utility>

#include "kernel/base/planted.hpp"

namespace stoa {

News::Ticket News::listen(std::string topic, Listener listener) {
  auto kept = std::make_shared<const Listener>(std::move(listener));
  const auto* const raw = kept.get();
  {
    const std::lock_guard lock(mutex_);
    listeners_.emplace(topic, kept);
  }
  // The ticket owns the listener too, so that its address is not given to another meanwhile.
  return {raw, [this, topic = std::move(topic), kept = std::move(kept)](const void*) {
            forget(topic, kept.get());
          }};
}

void News::forget(const std::string& topic, const Listener* listener) {
  std::shared_ptr<const Listener> last;  // what it owns goes without the lock
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = listeners_.equal_range(topic);
  const auto at =
      std::find_if(begin, end, [&](const auto& one) { return one.second.get() == listener; });
  if (at == end) return;
  last = std::move(at->second);
  listeners_.erase(at);
}

void News::committed() noexcept { tell(std::exchange(noted_, {})); }

void News::tell(std::vector<std::string> topics) noexcept {
  std::vector<std::shared_ptr<const Listener>> heard;
  topics.emplace_back(every_commit);
  std::ranges::sort(topics);
  const auto [first, last] = std::ranges::unique(topics);
  topics.erase(first, last);
  {
    const std::lock_guard lock(mutex_);
    if (!listeners_.empty()) {
      for (const auto& topic : topics) {
        const auto [begin, end] = listeners_.equal_range(topic);
        for (auto at = begin; at != end; ++at) heard.push_back(at->second);
      }
    }
  }
  if (planted(Defect::news_wakeup_lost)) return;
  for (const auto& listener : heard) (*listener)();
}

}  // namespace stoa
