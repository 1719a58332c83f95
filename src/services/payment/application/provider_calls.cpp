#include "services/payment/application/provider_calls.hpp"

namespace stoa::payment {
namespace {

constexpr std::size_t in_flight_max = 4'096;
constexpr std::size_t waiting_max = 32'768;

}  // namespace

void ProviderCalls::send(ProviderRequest request, Answer answer) {
  if (waiting_.size() >= waiting_max) return;  // its row of work brings it again
  waiting_.push_back({std::move(request), std::move(answer)});
  send_waiting();
}

void ProviderCalls::answered(const std::string& key) {
  in_flight_.erase(key);
  breaker_.succeeded();
  send_waiting();
}

void ProviderCalls::tend() {
  const auto now = clock_.now();
  for (auto at = in_flight_.begin(); at != in_flight_.end();) {
    if (at->second > now) {
      ++at;
      continue;
    }
    breaker_.failed(now);
    at = in_flight_.erase(at);
  }
  send_waiting();
}

void ProviderCalls::send_waiting() {
  if (waiting_.empty()) return;
  const auto now = clock_.now();
  while (!waiting_.empty() && in_flight_.size() < in_flight_max && breaker_.allow(now)) {
    auto [request, answer] = std::move(waiting_.front());
    waiting_.pop_front();
    in_flight_.insert_or_assign(request.key, now + timeout_);
    provider_.call(std::move(request), std::move(answer));
  }
}

}  // namespace stoa::payment
