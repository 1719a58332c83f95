#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel/resilience/circuit_breaker.hpp"
#include "platform/redis/link.hpp"

namespace stoa::redis {

/// Sends commands over one connection, on a thread of its own, pipelined. Thread-safe. While the
/// server is not there, or slow, commands are not answered, and soon not even sent: a caller waits
/// at most `command_timeout`, and no longer than an instant while the breaker is open.
class Client {
 public:
  /// Called once: with the reply, which may be an error of the server's; with null when none came
  /// in time or none was asked for. On the client's thread, or at once on the caller's; short, and
  /// does not throw.
  using Answer = std::function<void(const redisReply*)>;
  using Steady = std::chrono::steady_clock;

  struct Options {
    std::vector<std::string_view> scripts;  ///< in Lua; kept by the server, called by their index
    /// On the client's thread: the server answers, for the first time or after it did not.
    std::function<void()> answers_again;
    std::function<void(const std::string&)> warn;
    std::size_t outstanding_max = 4'096;
    CircuitBreaker::Options breaker = {.failures_max = 5, .open_for = std::chrono::seconds(1)};
  };

  Client(Settings settings, Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { stop(); }

  void send(Command command, Answer answer);
  /// A script with its keys and then its arguments.
  void run(std::size_t script, const std::vector<std::string>& keys,
           const std::vector<std::string>& arguments, Answer answer);
  /// Calls `then` after a while on the client's thread, at once when the connection ends. From the
  /// client's thread alone.
  void later(std::chrono::milliseconds pause, std::function<void()> then);
  /// Open too while there is no connection.
  [[nodiscard]] CircuitBreaker::State breaker_state() const;
  [[nodiscard]] const Settings& settings() const { return settings_; }
  /// What waits is answered with null. What is sent later too.
  void stop();

 private:
  struct Sent {
    Command command;
    Answer answer;  ///< empty once its time was over
    Steady::time_point deadline;
  };

  void serve();
  void connect();
  void disconnect();
  void exchange(Link& link);
  void probe();
  [[nodiscard]] bool append_waiting(Link& link);
  void take_replies(Link& link);
  void give_up_overdue();
  void run_due(bool all);
  void finish(Sent& sent, const redisReply* reply);
  void wait(const Link* link, bool wants_write, std::chrono::milliseconds most) const;
  void wake() const;

  const Settings settings_;
  const Options options_;
  int wake_fd_;

  // The thread's own.
  std::unique_ptr<Link> link_;
  std::deque<Sent> in_flight_;
  std::multimap<Steady::time_point, std::function<void()>> timers_;
  std::int64_t failures_ = 0;    ///< to connect, one after another
  bool has_missed_one_ = false;  ///< an answer, since the last that came

  mutable std::mutex mutex_;
  std::deque<Sent> waiting_;
  std::vector<std::string> script_names_;  ///< as the server calls them
  CircuitBreaker breaker_;
  std::size_t outstanding_ = 0;
  bool is_connected_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

/// On a thread that writes to connections: one that the other side has closed ends no process.
void ignore_broken_pipes();

}  // namespace stoa::redis
