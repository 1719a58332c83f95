#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "platform/tzdata/time_zones.hpp"
#include "simulation/history.hpp"

/// `stoa_simulate`: histories of a simulated shop, one a seed; exits non-zero on a finding.
namespace stoa::simulation {
namespace {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  int processes = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
  int seconds_max = 0;
  std::uint64_t failures_max = 10;
  std::string without;
  std::string folder;
  bool is_verbose = false;
  bool shrinks = true;
  bool shows_transitions = false;
};

struct Sum {
  std::uint64_t histories = 0;
  std::int64_t virtual_ms = 0, events = 0, orders = 0, crashes = 0;
  std::uint64_t failures = 0, first_failure = 0;
  Transitions transitions;
};

std::unique_ptr<TimeZones> zones = tzdata::make_time_zones();

/// Of all processes together.
std::atomic<std::uint64_t>& failures_of_all() {
  static void* const shared = mmap(nullptr, sizeof(std::atomic<std::uint64_t>),
                                   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  STOA_ASSERT(shared != MAP_FAILED);
  static auto& failures = *new (shared) std::atomic<std::uint64_t>(0);
  return failures;
}

void print_failure(const Options& options, std::uint64_t seed, const History& history,
                   const LeftOut& left_out) {
  std::printf("seed %llu:\n", static_cast<unsigned long long>(seed));
  for (const auto& finding : history.findings) std::printf("  %s\n", finding.c_str());
  const auto without = to_text(left_out);
  std::printf("  again: ./dev simulate --seeds=1 --first=%llu%s%s --verbose\n",
              static_cast<unsigned long long>(seed),
              without.empty() ? "" : " --without=", without.c_str());
  std::fflush(stdout);
  static_cast<void>(options);
}

/// A process of its own tells whether a history fails, for one that aborts fails too.
bool fails(const Ground& ground, const HistoryOptions& options) {
  std::fflush(nullptr);
  const auto child = fork();
  if (child == 0) {
    const bool silent = freopen("/dev/null", "w", stdout) != nullptr &&
                        freopen("/dev/null", "w", stderr) != nullptr;
    const auto history = run_history(ground, options);
    _exit(silent && history.findings.empty() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status != 0;
}

/// Leaves out requests, faults, crashes and jumps as long as the history still fails.
LeftOut shrink(const Ground& ground, std::uint64_t seed, const History& history, LeftOut left_out) {
  constexpr int tries_max = 300;
  int tries = 0;
  for (const auto kind : {Step::crash, Step::jump, Step::request, Step::fault}) {
    const auto count = history.steps[static_cast<std::size_t>(kind)];
    for (auto chunk = std::max<std::uint64_t>(count, 1); chunk > 0; chunk /= 2) {
      for (std::uint64_t from = 0; from < count && tries < tries_max; from += chunk) {
        auto more = left_out;
        for (auto at = from; at < std::min(count, from + chunk); ++at) more.emplace(kind, at);
        if (more.size() == left_out.size()) continue;
        ++tries;
        if (fails(ground, {seed, more, false})) left_out = std::move(more);
      }
    }
  }
  return left_out;
}

/// The histories of one process: every `of`-th seed. What it has done stands in `path`.
Sum run_share(const Ground& ground, const Options& options, int share, const std::string& path) {
  Sum sum;
  const auto begun = std::chrono::steady_clock::now();
  for (auto at = static_cast<std::uint64_t>(share); at < options.seeds;
       at += static_cast<std::uint64_t>(options.processes)) {
    if (failures_of_all() >= options.failures_max) break;
    if (options.seconds_max > 0 &&
        std::chrono::steady_clock::now() - begun > std::chrono::seconds(options.seconds_max))
      break;
    const auto seed = options.first + at;
    if (!path.empty()) std::ofstream(path + ".now") << seed;
    const auto left_out = parse_left_out(options.without);
    auto history = run_history(ground, {seed, left_out, options.is_verbose});
    ++sum.histories;
    sum.virtual_ms += history.virtual_ms;
    sum.events += history.events;
    sum.orders += history.orders;
    sum.crashes += history.crashes;
    for (const auto& [name, count] : history.transitions) sum.transitions[name] += count;
    if (history.findings.empty()) continue;
    ++failures_of_all();
    print_failure(options, seed, history, left_out);
    if (sum.failures++ == 0) {
      sum.first_failure = seed;
      if (options.shrinks) {
        const auto smaller = shrink(ground, seed, history, left_out);
        const auto again = run_history(ground, {seed, smaller, false});
        std::printf("shrunk, of %llu requests and %llu faults left out: %zu\n",
                    static_cast<unsigned long long>(history.steps[0]),
                    static_cast<unsigned long long>(history.steps[1]), smaller.size());
        print_failure(options, seed, again, smaller);
      }
    }
  }
  return sum;
}

void save(const Sum& sum, const std::string& path) {
  std::ofstream out(path);
  out << sum.histories << ' ' << sum.virtual_ms << ' ' << sum.events << ' ' << sum.orders << ' '
      << sum.crashes << ' ' << sum.failures << ' ' << sum.first_failure << '\n';
  for (const auto& [name, count] : sum.transitions) out << count << ' ' << name << '\n';
}

bool add(Sum& sum, const std::string& path) {
  std::ifstream in(path);
  Sum part;
  if (!(in >> part.histories >> part.virtual_ms >> part.events >> part.orders >> part.crashes >>
        part.failures >> part.first_failure))
    return false;
  sum.histories += part.histories;
  sum.virtual_ms += part.virtual_ms;
  sum.events += part.events;
  sum.orders += part.orders;
  sum.crashes += part.crashes;
  sum.failures += part.failures;
  std::int64_t count = 0;
  for (std::string name; in >> count && std::getline(in >> std::ws, name);)
    sum.transitions[name] += count;
  return true;
}

Sum run_processes(const Ground& ground, const Options& options) {
  if (options.processes == 1) return run_share(ground, options, 0, "");
  std::string folder = "/tmp/stoa-simulate-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for the results");
  failures_of_all();  // before it is shared
  std::vector<pid_t> children;
  const auto path_of = [&](std::size_t share) { return folder + "/" + std::to_string(share); };
  std::fflush(nullptr);
  for (int share = 0; share < options.processes; ++share) {
    const auto child = fork();
    if (child == 0) {
      const auto path = path_of(static_cast<std::size_t>(share));
      save(run_share(ground, options, share, path), path);
      std::fflush(nullptr);
      exit(0);
    }
    children.push_back(child);
  }
  Sum sum;
  for (std::size_t left = children.size(); left > 0; --left) {
    int status = 0;
    const auto ended = std::ranges::find(children, wait(&status));
    STOA_ASSERT(ended != children.end());
    const auto path = path_of(static_cast<std::size_t>(ended - children.begin()));
    if (!add(sum, path) || status != 0) {
      std::uint64_t seed = 0;
      std::ifstream(path + ".now") >> seed;
      ++sum.failures;
      ++failures_of_all();
      std::printf(
          "seed %llu ends the process.\n  again: ./dev simulate --seeds=1 --first=%llu"
          " --verbose\n",
          static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
    }
    unlink(path.c_str());
    unlink((path + ".now").c_str());
  }
  rmdir(folder.c_str());
  return sum;
}

int run(const Options& options) {
  const Ground ground{*zones, make_shop_image(*zones)};
  const auto begun = std::chrono::steady_clock::now();
  const auto sum = run_processes(ground, options);
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::size_t unseen = 0;
  for (const auto& name : known_transitions()) {
    if (sum.transitions.contains(name)) continue;
    ++unseen;
    if (options.seeds >= 1'000 || options.shows_transitions)
      std::printf("not seen: %s\n", name.c_str());
  }
  for (const auto& [name, count] : sum.transitions)
    if (std::ranges::find(known_transitions(), name) == known_transitions().end())
      std::printf("not in the list of known steps: %s\n", name.c_str());
  if (options.shows_transitions)
    for (const auto& [name, count] : sum.transitions)
      std::printf("%10lld %s\n", static_cast<long long>(count), name.c_str());
  std::printf(
      "%llu histories in %.1f s: %.0f a second, %.0f times real time; %lld orders, %lld events,"
      " %lld crashes; %zu of %zu steps of the sagas seen; %llu failed\n",
      static_cast<unsigned long long>(sum.histories), seconds,
      static_cast<double>(sum.histories) / seconds,
      static_cast<double>(sum.virtual_ms) / 1000 / seconds, static_cast<long long>(sum.orders),
      static_cast<long long>(sum.events), static_cast<long long>(sum.crashes),
      known_transitions().size() - unseen, known_transitions().size(),
      static_cast<unsigned long long>(sum.failures));
  return sum.failures == 0 && sum.histories > 0 ? 0 : 1;
}

}  // namespace
}  // namespace stoa::simulation

int main(int argc, char** argv) {
  stoa::simulation::Options options;
  CLI::App app("Histories of a simulated shop, one a seed");
  app.add_option("--seeds", options.seeds, "how many");
  app.add_option("--first", options.first, "the first seed");
  app.add_option("--processes", options.processes, "that share them")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--seconds", options.seconds_max, "begin none after these; 0: run all");
  app.add_option("--failures", options.failures_max, "end after so many histories that fail")
      ->capture_default_str();
  app.add_option("--without", options.without,
                 "steps to leave out, as a shrunk history names them");
  app.add_flag("--verbose", options.is_verbose, "tell what happens");
  app.add_flag("!--no-shrink", options.shrinks, "do not look for a smaller history that fails");
  app.add_flag("--transitions", options.shows_transitions, "list the steps of the sagas");
  CLI11_PARSE(app, argc, argv);
  if (options.seeds == 1) options.processes = 1;
  return stoa::simulation::run(options);
}
