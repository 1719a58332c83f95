#include "gateway/instances.hpp"

#include <algorithm>

namespace stoa {

void Instances::set(const std::vector<http::Origin>& origins) {
  const std::lock_guard lock(mutex_);
  std::vector<InstancePtr> next;
  for (const auto& origin : origins) {
    const auto is_it = [&](const InstancePtr& one) { return one->origin() == origin; };
    if (std::ranges::any_of(next, is_it)) continue;
    const auto known = std::ranges::find_if(instances_, is_it);
    next.push_back(known != instances_.end() ? *known : std::make_shared<Instance>(origin));
  }
  instances_ = std::move(next);
}

Instances::InstancePtr Instances::pick(std::uint64_t chance, Timestamp now,
                                       const InstancePtr& but) {
  const std::lock_guard lock(mutex_);
  std::vector<Instance*> usable;
  const auto gather = [&](const auto& is_wanted) {
    if (!usable.empty()) return;
    for (const auto& one : instances_)
      if (is_wanted(*one)) usable.push_back(one.get());
  };
  const auto is_well = [](const Instance& one) { return one.failed_probes_ < failed_probes_max; };
  const auto is_closed = [](const Instance& one) {
    return one.breaker_.state() == CircuitBreaker::State::closed;
  };
  gather([&](const Instance& one) { return &one != but.get() && is_well(one) && is_closed(one); });
  gather([&](const Instance& one) { return &one != but.get() && is_well(one); });
  gather([](const Instance&) { return true; });
  if (usable.empty()) return nullptr;
  auto first = static_cast<std::size_t>(chance % usable.size());
  auto second = static_cast<std::size_t>((chance >> 32) % usable.size());
  if (first == second) second = (second + 1) % usable.size();
  if (usable[second]->outstanding_ < usable[first]->outstanding_) std::swap(first, second);
  for (auto* const one : {usable[first], usable[second]}) {
    if (!one->breaker_.allow(now)) continue;
    ++one->outstanding_;
    return *std::ranges::find(instances_, one, [](const InstancePtr& p) { return p.get(); });
  }
  return nullptr;
}

void Instances::ended(const InstancePtr& instance, bool answered, Timestamp now) {
  const std::lock_guard lock(mutex_);
  --instance->outstanding_;
  if (answered) {
    instance->breaker_.succeeded();
  } else {
    instance->breaker_.failed(now);
  }
}

void Instances::probed(const InstancePtr& instance, bool well) {
  const std::lock_guard lock(mutex_);
  instance->failed_probes_ = well ? 0 : instance->failed_probes_ + 1;
  if (well) instance->breaker_.succeeded();  // no request need be risked to find out
}

std::vector<Instances::InstancePtr> Instances::all() const {
  const std::lock_guard lock(mutex_);
  return instances_;
}

std::size_t Instances::well() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      instances_, [](const auto& one) { return one->failed_probes_ < failed_probes_max; }));
}

}  // namespace stoa
