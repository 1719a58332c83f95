#include "simulation/history.hpp"

#include <charconv>
#include <memory>

#include "simulation/ports.hpp"

namespace stoa::simulation {

using namespace std::chrono_literals;

namespace {

constexpr Duration tick_min = 50ms;
constexpr Duration tick_max = 20s;
constexpr Duration rest_max = 4h;
constexpr std::string_view step_letters = "rfcj";

class Director {
 public:
  Director(const Ground& ground, const HistoryOptions& options)
      : ground_(ground),
        options_(options),
        world_(options.seed),
        crypto_(make_seeded_crypto(world_.random.fork("crypto"))),
        ids_(world_, world_.random.fork("ids")),
        provider_(world_, *crypto_),
        post_(world_),
        clients_(
            world_,
            [this](http::Request request, std::function<void(const http::Response&)> reply) {
              carry(std::move(request), std::move(reply));
            },
            [this](http::Request request) { return ask(std::move(request)); }) {
    world_.is_verbose = options.is_verbose;
    world_.faults = draw_faults(world_.random.fork("faults"));
    if (!options.left_out.empty())
      world_.left_out = [this](Step step, std::uint64_t number) {
        return options_.left_out.contains({step, number});
      };
    world_.on_death = [this] {
      corpse_ = world_.random.chance(world_.faults.power_losses)
                    ? disk_.image_after_power_loss(world_.random)
                    : disk_.image();
    };
    provider_.deliver = [this](const std::string& signature, const std::string& body,
                               std::function<void(bool)> taken) {
      if (shop_) shop_->webhook(signature, body, std::move(taken));
    };
  }

  History run() {
    disk_.put(shop_file, ground_.image.file);
    start();
    auto random = world_.random.fork("plan");
    const auto within = std::chrono::seconds(random.between(5, 60));
    clients_.plan(options_.seed, static_cast<int>(random.between(5, 18)), within,
                  ground_.image.product_ids);
    plan_trouble(random, within);
    live(world_.true_now() + within + 10s, [] { return false; });
    world_.trace("nothing goes wrong any more");
    world_.is_quiet = true;
    const auto until = world_.true_now() + rest_max;
    live(until, [this] { return is_at_rest(); });
    judge();
    return std::move(history_);
  }

 private:
  Outside outside() { return {world_, disk_, provider_, post_, *crypto_, ids_, ground_.zones}; }

  void start() {
    shop_ = make_simulated_shop(outside());
    written_ = 0;
    tick_ = tick_min;
  }

  void plan_trouble(Random& random, Duration within) {
    const auto some_time = [&] { return Duration(random.between(0, within.count())); };
    for (int left = world_.faults.crashes; left > 0; --left) {
      const auto at = some_time();
      const auto steps = static_cast<std::uint64_t>(random.between(1, 60));
      world_.after(at, [this, steps] {
        if (world_.may(Step::crash)) world_.crash_after_steps(steps);
      });
    }
    for (int left = world_.faults.clock_jumps; left > 0; --left) {
      const auto by = std::chrono::seconds(random.chance(50) ? random.between(-600, 600)
                                                             : random.between(-5, 5));
      world_.after(some_time(), [this, by] {
        if (!world_.may(Step::jump)) return;
        world_.step_clock(by);
        world_.trace("the clock is stepped");
      });
    }
    for (auto left = random.between(0, 6); left > 0; --left)
      world_.after(some_time(), [this] {
        if (shop_) shop_->checkpoint();
      });
  }

  /// Time goes on until `until`, or until `is_over` says so after a round of timers.
  template <class IsOver>
  void live(Timestamp until, const IsOver& is_over) {
    auto next_tick = world_.true_now() + tick_min;
    while (world_.true_now() < until) {
      const bool had_event = world_.advance(next_tick);
      if (world_.is_dead()) {
        bury();
      } else if (!had_event) {
        if (shop_ && tick_on() && is_over()) return;
        next_tick = world_.true_now() + tick_;
      } else if (tick_ > 1s) {
        tick_ = 1s;
        next_tick = std::min(next_tick, world_.true_now() + tick_);
      }
    }
  }

  /// A round of timers; they come less often while they change nothing. False when the shop died.
  bool tick_on() {
    while (shop_->tick() && !world_.is_dead()) {
    }
    if (world_.is_dead()) {
      bury();
      return false;
    }
    const auto written = shop_->written();
    tick_ = written != written_ ? tick_min : std::min(tick_ * 2, tick_max);
    written_ = written;
    return true;
  }

  void bury() {
    world_.trace("the process dies: " + world_.died_at());
    ++history_.crashes;
    shop_.reset();
    world_.reborn();
    awaited_.clear();
    disk_.files.clear();
    for (auto& [name, bytes] : corpse_) disk_.put(name, std::move(bytes));
    corpse_.clear();
    world_.after(std::chrono::milliseconds(world_.random.between(100, 10'000)), [this] {
      start();
      world_.trace("the process is up again");
    });
  }

  bool is_at_rest() {
    if (!clients_.is_done() || provider_.reports_open() > 0) return false;
    const auto left = shop_->unfinished();
    if (!left.empty()) {
      if (world_.true_now() > next_look_) look_at_parked();
      return false;
    }
    const auto parked = shop_->parked();
    if (parked.empty()) return true;
    look_at_parked();
    return false;
  }
  void look_at_parked() {
    next_look_ = world_.true_now() + 1min;
    for (const auto& id : shop_->parked()) clients_.retry(id);
  }

  void judge() {
    if (!shop_) return world_.found("the shop does not come up");
    if (!clients_.is_done()) world_.found("I11: a client is never told anything");
    if (provider_.reports_open() > 0) world_.found("I12: a webhook is never taken");
    for (const auto& left : shop_->unfinished()) world_.found("I8: after hours " + left);
    for (const auto& left : shop_->parked()) world_.found("I8: after hours " + left + " is parked");
    for (const auto& [number, what] : awaited_) world_.found("I11: never answered: " + what);
    check_history(world_, *shop_, clients_, provider_, post_, *crypto_, history_.transitions);
    history_.orders = shop_->everything()
                          .one("SELECT count(*) FROM ordering_orders",
                               [](const sql::Row& row) { return row.integer(0); })
                          .value_or(0);
    for (const char* prefix : {"catalog_", "ordering_", "payment_", "notification_", "agents_"})
      shop_->everything().query(
          "SELECT position, hash FROM " + std::string(prefix) + "log_head",
          [&](const sql::Row& row) {
            history_.events += row.integer(0);
            world_.trace(std::string(prefix) + " ends with " + std::string(row.text(1)));
          });
    history_.findings = world_.findings;
    history_.digest = world_.digest;
    history_.virtual_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(world_.true_now() - World::start)
            .count();
    for (std::size_t kind = 0; kind < 4; ++kind)
      history_.steps[kind] = world_.counted(static_cast<Step>(kind));
  }

  // --- the network ------------------------------------------------------------------------------

  void carry(http::Request request, std::function<void(const http::Response&)> reply) {
    const auto shared = std::make_shared<const http::Request>(std::move(request));
    int copies = world_.happens(world_.faults.request_lost) ? 0 : 1;
    if (world_.happens(world_.faults.request_doubled)) ++copies;
    for (; copies > 0; --copies) {
      const auto travel = std::chrono::microseconds(world_.random.chance(90)
                                                        ? world_.random.between(50, 5'000)
                                                        : world_.random.between(5'000, 2'000'000));
      world_.after(travel, [this, shared, reply] { arrive(*shared, reply); });
    }
  }

  void arrive(const http::Request& request,
              const std::function<void(const http::Response&)>& reply) {
    if (!shop_ || world_.is_dead()) return;  // refused
    const auto number = ++arrivals_;
    awaited_[number] = request.method + " " + request.path;
    shop_->handle(request,
                  [this, number, reply, life = world_.life()](const http::Response& response) {
                    world_.step("before a reply");
                    if (world_.is_dead() || world_.life() != life) return;
                    if (awaited_.erase(number) == 0) world_.found("a request was answered twice");
                    if (world_.happens(world_.faults.reply_lost)) return;
                    const auto travel = std::chrono::microseconds(world_.random.between(50, 5'000));
                    world_.after(travel, [reply, response] { reply(response); });
                  });
  }

  std::optional<http::Response> ask(http::Request request) {
    if (!shop_ || world_.is_dead()) return std::nullopt;
    std::optional<http::Response> found;
    shop_->handle(std::move(request), [&](http::Response response) { found = response; });
    return found;
  }

  const Ground& ground_;
  const HistoryOptions& options_;
  World world_;
  Disk disk_;
  std::unique_ptr<Crypto> crypto_;
  SeededIds ids_;
  Provider provider_;
  Post post_;
  Clients clients_;
  std::unique_ptr<SimulatedShop> shop_;
  Disk::Image corpse_;
  History history_;
  Duration tick_ = tick_min;
  std::int64_t written_ = 0;
  Timestamp next_look_;
  std::uint64_t arrivals_ = 0;
  std::map<std::uint64_t, std::string> awaited_;
};

}  // namespace

History run_history(const Ground& ground, const HistoryOptions& options) {
  return Director(ground, options).run();
}

std::string to_text(const LeftOut& left_out) {
  std::string text;
  for (auto at = left_out.begin(); at != left_out.end();) {
    const auto [kind, first] = *at;
    auto last = first;
    while (++at != left_out.end() && at->first == kind && at->second == last + 1) ++last;
    text += text.empty() ? "" : ",";
    text += step_letters[static_cast<std::size_t>(kind)];
    text += std::to_string(first);
    if (last != first) text += "-" + std::to_string(last);
  }
  return text;
}

LeftOut parse_left_out(std::string_view text) {
  LeftOut left_out;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto kind = part.empty() ? std::string_view::npos : step_letters.find(part.front());
    if (kind == std::string_view::npos) continue;
    std::uint64_t first = 0;
    const auto* end = part.data() + part.size();
    auto read = std::from_chars(part.data() + 1, end, first);
    auto last = first;
    if (read.ptr != end && *read.ptr == '-') std::from_chars(read.ptr + 1, end, last);
    for (; first <= last; ++first) left_out.emplace(static_cast<Step>(kind), first);
  }
  return left_out;
}

}  // namespace stoa::simulation
