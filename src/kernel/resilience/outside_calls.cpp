#include "kernel/resilience/outside_calls.hpp"

namespace stoa {

bool OutsideCalls::send(std::string key, Call call, Timestamp until) {
  if (waiting_.size() >= options_.waiting_max) return false;
  waiting_.push_back({std::move(key), std::move(call), until});
  send_waiting();
  return true;
}

void OutsideCalls::answered(const std::string& key) {
  in_flight_.erase(key);
  breaker_.succeeded();
  send_waiting();
}

void OutsideCalls::unanswered(const std::string& key) {
  if (in_flight_.erase(key) == 0) return;  // given up before
  breaker_.failed(clock_.now());
  send_waiting();
}

void OutsideCalls::tend() {
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

void OutsideCalls::send_waiting() {
  if (waiting_.empty()) return;
  const auto now = clock_.now();
  while (!waiting_.empty() && in_flight_.size() < options_.in_flight_max) {
    if (waiting_.front().until <= now) {
      waiting_.pop_front();
      continue;
    }
    if (!breaker_.allow(now)) return;
    auto [key, call, until] = std::move(waiting_.front());
    waiting_.pop_front();
    in_flight_.insert_or_assign(std::move(key), now + options_.deadline);
    call();
  }
}

}  // namespace stoa
