#include "platform/postgres/leader_lock.hpp"

#include <optional>
#include <string>
#include <utility>

#include "platform/postgres/link.hpp"

namespace stoa::postgres {
namespace {

class Lock final : public LeaderLock {
 public:
  Lock(Options options, std::int64_t name)
      : options_(std::move(options)),
        take_("SELECT pg_try_advisory_lock(" + std::to_string(name) + ")") {}

  bool holds() noexcept override {
    const auto now = std::chrono::steady_clock::now();
    if (is_held_ && link_ && now < ask_again_at_) return true;
    try {
      if (!link_) {
        is_held_ = false;
        link_.emplace(Link::Options{options_.conninfo, options_.answer_timeout});
      }
      link_->send(is_held_ ? "SELECT 1" : take_, {});
      const auto answer = link_->wait();
      is_held_ = is_held_ || *PQgetvalue(answer.get(), 0, 0) == 't';
      ask_again_at_ = now + ask_interval;
      return is_held_;
    } catch (const std::exception&) {
      link_.reset();
      return false;
    }
  }

 private:
  static constexpr std::chrono::milliseconds ask_interval{100};

  Options options_;
  std::string take_;
  std::optional<Link> link_;
  bool is_held_ = false;
  std::chrono::steady_clock::time_point ask_again_at_;
};

}  // namespace

std::unique_ptr<LeaderLock> make_leader_lock(Options options, std::int64_t name) {
  return std::make_unique<Lock>(std::move(options), name);
}

}  // namespace stoa::postgres
