#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/clock.hpp"
#include "simulation/random.hpp"

namespace stoa::simulation {

/// What may go wrong in one history, drawn from its seed. Percents but where it says otherwise.
struct Faults {
  bool fleet_schedule = false;  ///< events come later, doubled, out of order between streams
  int request_lost = 0, request_doubled = 0, reply_lost = 0;
  int provider_lost = 0, provider_silent = 0, provider_late = 0, provider_twice = 0;
  int provider_vague = 0;    ///< unknown, pending, or not found though it is on its way
  int provider_refuses = 0;  ///< what must be done: voids and refunds
  int webhook = 0;           ///< of a movement: reported by itself too, late, doubled
  int mail_fails = 0, mail_answer_lost = 0;
  int sms_from_life = 1;  ///< of the process on, an SMS provider is configured
  int reader_busy = 0;    ///< queries that find no reader
  int event_doubled = 0;
  int disk_fails = 0;      ///< transactions in a thousand whose writes or syncs fail
  int crashes = 0;         ///< how often the process dies
  int power_losses = 0;    ///< of the crashes
  int clock_jumps = 0;     ///< how often
  int outside_max = 1000;  ///< commands of clients that may wait
};

/// A step of a history that can be left out: what shrinking works on.
enum class Step : std::uint8_t { request, fault, crash, jump };

/// Time, chance and the order of all that happens in one history, in one thread. What crosses the
/// border of the process (requests, replies, calls, mail, webhooks) happens as an event here.
class World final : public Clock {
 public:
  explicit World(std::uint64_t seed) : random(seed), true_now_(start) {}

  /// What the shop's clock says: it may be stepped.
  [[nodiscard]] Timestamp now() const override { return true_now_ + skew_; }
  [[nodiscard]] Timestamp true_now() const { return true_now_; }
  void step_clock(Duration by) { skew_ += by; }

  /// Something outside of the process: it outlives a crash.
  void after(Duration delay, std::function<void()> run) {
    events_.emplace(std::pair(true_now_ + delay, ++sequence_), Event{0, std::move(run)});
  }
  /// Something of the process: it goes with it.
  void inside_after(Duration delay, std::function<void()> run) {
    events_.emplace(std::pair(true_now_ + delay, ++sequence_), Event{life_, std::move(run)});
  }
  /// Runs the next event that is due by `until`, or moves the clock there; false when none was due.
  bool advance(Timestamp until) {
    while (!events_.empty() && events_.begin()->first.first <= until) {
      auto node = events_.extract(events_.begin());
      true_now_ = std::max(true_now_, node.key().first);
      if (node.mapped().life != 0 && node.mapped().life != life_) continue;
      node.mapped().run();
      return true;
    }
    true_now_ = std::max(true_now_, until);
    return false;
  }

  /// A place where the process may die. The process lives on as if it did not know, but nothing
  /// that it does has an effect any more, until it is torn down.
  void step(std::string_view what) {
    ++steps_;
    if (is_dead_ || crash_at_ == 0 || steps_ < crash_at_) return;
    die(what);
  }
  void die(std::string_view what) {
    is_dead_ = true;
    crash_at_ = 0;
    died_at_ = what;
    on_death();
  }
  [[nodiscard]] bool is_dead() const { return is_dead_; }
  [[nodiscard]] const std::string& died_at() const { return died_at_; }
  [[nodiscard]] std::uint64_t life() const { return life_; }
  void crash_after_steps(std::uint64_t steps) { crash_at_ = steps_ + steps; }
  void reborn() {
    ++life_;
    is_dead_ = false;
  }
  std::function<void()> on_death = [] {};

  /// Whether this fault happens now. Counted, so that one that does not matter can be left out.
  bool happens(int percent) { return percent > 0 && random.chance(percent) && may(Step::fault); }
  /// Numbers the steps of each kind; false for one that is left out.
  bool may(Step step) {
    const auto number = counted_[static_cast<std::size_t>(step)]++;
    if (is_quiet && step == Step::fault) return false;
    return !left_out || !left_out(step, number);
  }
  [[nodiscard]] std::uint64_t counted(Step step) const {
    return counted_[static_cast<std::size_t>(step)];
  }
  std::function<bool(Step, std::uint64_t)> left_out;

  void found(std::string what) {
    if (findings.size() < 50) findings.push_back(std::move(what));
  }
  void trace(std::string_view what);

  Random random;
  Faults faults;
  bool is_quiet = false;  ///< nothing goes wrong any more
  std::vector<std::string> findings;
  int failed_commits = 0;  ///< for want of a disk: what they would have kept is done again
  bool is_verbose = false;
  std::uint64_t digest = 0xcbf29ce484222325ULL;  ///< of all that was traced

  static constexpr Timestamp start{std::chrono::sys_days{std::chrono::year{2026} / 1 / 5}};

 private:
  struct Event {
    std::uint64_t life;
    std::function<void()> run;
  };
  Timestamp true_now_;
  Duration skew_{0};
  std::map<std::pair<Timestamp, std::uint64_t>, Event> events_;
  std::uint64_t sequence_ = 0;
  std::uint64_t life_ = 1;
  std::uint64_t steps_ = 0;
  std::uint64_t crash_at_ = 0;
  bool is_dead_ = false;
  std::string died_at_;
  std::uint64_t counted_[4] = {};
};

Faults draw_faults(Random random);

}  // namespace stoa::simulation
