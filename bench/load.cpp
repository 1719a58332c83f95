/// A load generator for one shop on loopback: one thread, keep-alive connections, either closed
/// loop (each connection sends when it was answered) or open loop (`--rate`: requests are due at
/// fixed times, and latency counts from when a request was due, so that waiting is not omitted).
/// Prints one JSON object; its own CPU time is in it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "cpu_time.hpp"

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string what, key, target, targets_file, expect = "200";
  std::vector<std::string> targets;  ///< instead of `target`: one of them, at random
  std::uint16_t port = 5000;
  int connections = 64;
  double seconds = 10, warmup_seconds = 1, rate = 0;
  int range = 10'000;
  int hot_skus = 0;       ///< orders take only the first so many SKUs; 0: all
  bool tolerate = false;  ///< refusals and closed connections are counted, and the load goes on
  int reads_per_order = 11;
};

struct Tally {
  std::vector<double> latencies_ms;
  std::map<std::string, std::int64_t> outcomes;
  std::int64_t unexpected = 0;
  std::int64_t refused_without_retry_after = 0;
};

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)), random_(std::random_device{}()), run_id_(random_()) {}

  int run() {
    start_ = Clock::now();
    measure_from_ = start_ + seconds(options_.warmup_seconds);
    until_ = measure_from_ + seconds(options_.seconds);
    for (int i = 0; i < options_.connections; ++i)
      asio::co_spawn(context_, worker(), [this](const std::exception_ptr& failure) {
        if (failure) ++tally_.unexpected;
      });
    asio::co_spawn(context_, take_cpu_at_start(), asio::detached);
    context_.run();
    print();
    return (options_.tolerate || tally_.unexpected == 0) && !tally_.latencies_ms.empty() ? 0 : 1;
  }

 private:
  static Clock::duration seconds(double count) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
  }

  asio::awaitable<void> take_cpu_at_start() {
    asio::steady_timer timer(context_, measure_from_);
    co_await timer.async_wait(asio::use_awaitable);
    cpu_at_start_ = stoa::bench::cpu_seconds();
  }

  asio::awaitable<void> worker() {
    asio::ip::tcp::socket socket(context_);
    asio::steady_timer timer(context_);
    std::string in;
    if (!options_.tolerate) co_await connect(socket, in);
    while (true) {
      auto due = Clock::now();
      if (options_.rate > 0) {
        due = start_ + seconds(static_cast<double>(next_++) / options_.rate);
        if (due > until_) co_return;
        timer.expires_at(due);
        co_await timer.async_wait(asio::use_awaitable);
      }
      if (due > until_) co_return;
      const bool is_order = options_.what == "orders" ||
                            (options_.what == "mixed" && any_of(options_.reads_per_order + 1) == 0);
      try {
        if (!socket.is_open()) co_await connect(socket, in);
        const auto whole = co_await exchange(socket, is_order ? order() : get(), in);
        const auto answer = std::string_view(in).substr(0, whole);
        count(due, answer, is_order);
        if (answer.find("\r\nConnection: close\r\n") != std::string_view::npos) socket.close();
        in.erase(0, whole);
      } catch (const boost::system::system_error&) {
        if (!options_.tolerate) throw;
        boost::system::error_code ignored;
        socket.close(ignored);
        ++tally_.outcomes["closed"];
      }
    }
  }

  asio::awaitable<void> connect(asio::ip::tcp::socket& socket, std::string& in) {
    const asio::ip::tcp::endpoint shop(asio::ip::make_address("127.0.0.1"), options_.port);
    in.clear();
    co_await socket.async_connect(shop, asio::use_awaitable);
    socket.set_option(asio::ip::tcp::no_delay(true));
  }

  /// The length of the answer, which `in` begins with then.
  asio::awaitable<std::size_t> exchange(asio::ip::tcp::socket& socket, std::string out,
                                        std::string& in) {
    co_await asio::async_write(socket, asio::buffer(out), asio::use_awaitable);
    const auto header = co_await asio::async_read_until(socket, asio::dynamic_buffer(in),
                                                        "\r\n\r\n", asio::use_awaitable);
    const auto whole = header + length_of(std::string_view(in).substr(0, header));
    if (in.size() < whole)
      co_await asio::async_read(socket, asio::dynamic_buffer(in),
                                asio::transfer_exactly(whole - in.size()), asio::use_awaitable);
    co_return whole;
  }

  static std::size_t length_of(std::string_view header) {
    constexpr std::string_view name = "Content-Length: ";
    auto at = header.find(name);
    if (at == std::string_view::npos) at = header.find("content-length: ");  // some proxies
    std::size_t length = 0;
    if (at != std::string_view::npos)
      std::from_chars(header.data() + at + name.size(), header.data() + header.size(), length);
    return length;
  }

  std::string get() {
    const auto& several = options_.targets;
    auto target = several.empty()
                      ? options_.target
                      : several[static_cast<std::size_t>(any_of(static_cast<int>(several.size())))];
    if (const auto at = target.find("{n}"); at != std::string::npos)
      target.replace(at, 3, std::to_string(any_of(options_.range)));
    return "GET " + target + " HTTP/1.1\r\nHost: shop\r\n" + authorization() + "\r\n";
  }

  std::string order() {
    const auto skus = options_.hot_skus > 0 ? options_.hot_skus : options_.range;
    const auto sku = [&] { return "SKU-" + std::to_string(any_of(skus)); };
    const auto number = std::to_string(++sent_);
    const std::string body =
        R"({"currency":"GBP","customer":{"email":"buyer-)" + number +
        R"(@example.org","name":"A. Buyer"},"lines":[{"sku":")" + sku() +
        R"(","quantity":1},{"sku":")" + sku() +
        R"(","quantity":2}],"shipping_address":{"name":"A. Buyer","line1":")" + number +
        R"( High Street","city":"Leeds","postal_code":"LS1 1AA","country":"GB"},)"
        R"("payment":{"provider":"simulator","token":"tok_ok"}})";
    return "POST /v1/orders HTTP/1.1\r\nHost: shop\r\n" + authorization() +
           "Content-Type: application/json\r\nPrefer: wait=30\r\nIdempotency-Key: " +
           std::to_string(run_id_) + "-" + number +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  [[nodiscard]] std::string authorization() const {
    return options_.key.empty() ? "" : "Authorization: Bearer " + options_.key + "\r\n";
  }
  int any_of(int count) { return std::uniform_int_distribution(0, count - 1)(random_); }

  void count(Clock::time_point due, std::string_view answer, bool is_order) {
    const auto now = Clock::now();
    if (due < measure_from_ || now > until_) return;
    tally_.latencies_ms.push_back(std::chrono::duration<double, std::milli>(now - due).count());
    std::string outcome(answer.substr(9, 3));
    if (is_order) {
      constexpr std::string_view member = R"("status":")";
      const auto at = answer.find(member);
      if (at != std::string_view::npos) {
        const auto rest = answer.substr(at + member.size());
        outcome = rest.substr(0, rest.find('"'));
      }
    }
    ++tally_.outcomes[outcome];
    const bool is_refused = outcome == "429" || outcome == "503";
    if (is_refused && answer.find("\r\nRetry-After: ") == std::string_view::npos)
      ++tally_.refused_without_retry_after;
    const bool is_read_of_mix = options_.what == "mixed" && !is_order;
    if (outcome != (is_read_of_mix ? "200" : options_.expect)) ++tally_.unexpected;
  }

  void print() {
    auto& all = tally_.latencies_ms;
    std::sort(all.begin(), all.end());
    const auto at = [&](double share) {
      return all.empty()
                 ? 0.0
                 : all[std::min(all.size() - 1,
                                static_cast<std::size_t>(share * static_cast<double>(all.size())))];
    };
    const auto count = static_cast<double>(all.size());
    std::printf(
        "{\"requests\":%zu,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
        "\"p999_ms\":%.3f,\"max_ms\":%.3f,\"cpu_us\":%.2f,\"unexpected\":%lld,"
        "\"refused_without_retry_after\":%lld,\"outcomes\":{",
        all.size(), count / options_.seconds, at(0.5), at(0.99), at(0.999), at(1.0),
        count == 0 ? 0.0 : (stoa::bench::cpu_seconds() - cpu_at_start_) * 1e6 / count,
        static_cast<long long>(tally_.unexpected),
        static_cast<long long>(tally_.refused_without_retry_after));
    const char* comma = "";
    for (const auto& [outcome, times] : tally_.outcomes) {
      std::printf("%s\"%s\":%lld", comma, outcome.c_str(), static_cast<long long>(times));
      comma = ",";
    }
    std::printf("}}\n");
  }

  Options options_;
  asio::io_context context_{1};
  std::mt19937_64 random_;
  std::uint64_t run_id_;
  std::int64_t sent_ = 0;
  std::int64_t next_ = 0;
  Clock::time_point start_, measure_from_, until_;
  double cpu_at_start_ = 0;
  Tally tally_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Puts load on a shop on this machine and prints what it saw as JSON.");
  app.add_option("what", options.what, "orders, get, or mixed: both")
      ->required()
      ->check(CLI::IsMember({"orders", "get", "mixed"}));
  app.add_option("--port", options.port, "of the shop")->capture_default_str();
  app.add_option("--key", options.key, "API key");
  app.add_option("--target", options.target, "of get; {n} is a number below --range");
  app.add_option("--targets", options.targets_file, "a file of targets, one a line");
  app.add_option("--expect", options.expect, "HTTP status, or status of the order");
  app.add_option("--connections", options.connections)->capture_default_str();
  app.add_option("--seconds", options.seconds, "measured")->capture_default_str();
  app.add_option("--warmup", options.warmup_seconds, "seconds before")->capture_default_str();
  app.add_option("--rate", options.rate, "requests a second; 0: as fast as answers come");
  app.add_option("--range", options.range, "SKUs, or numbers of {n}")->capture_default_str();
  app.add_flag("--tolerate", options.tolerate, "count refusals and closed connections, and go on");
  app.add_option("--reads", options.reads_per_order, "of mixed: gets for each order")
      ->capture_default_str();
  app.add_option("--hot", options.hot_skus, "orders take the first so many SKUs only");
  CLI11_PARSE(app, argc, argv);
  std::ifstream targets(options.targets_file);
  for (std::string line; std::getline(targets, line);) options.targets.push_back(line);
  return Load(std::move(options)).run();
}
