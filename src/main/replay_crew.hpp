#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kernel/base/result.hpp"
#include "kernel/json/value.hpp"
#include "main/progress.hpp"
#include "platform/beast/http_client.hpp"

namespace stoa {

/// Where a shop listens.
struct ShopAddress {
  std::string host;
  std::uint16_t port = 80;
  /// `http://HOST[:PORT][/]`; `invalid_url` otherwise.
  static Result<ShopAddress> parse(std::string_view url);
};

/// One connection to a shop that asks again when the shop is busy or away. One thread.
class ShopCaller {
 public:
  ShopCaller(const ShopAddress& address, std::string key);

  /// The JSON of an answer whose status is one of `good`; `unexpected_answer` with the problem's
  /// own words otherwise. Requests are repeated on 429, 503 and broken connections, for at most a
  /// minute: give writes an idempotency key.
  Result<json::Value> call(const std::string& method, const std::string& target,
                           const std::string& body = {}, const std::string& idempotency_key = {},
                           std::initializer_list<int> good = {200, 201});

 private:
  beast::HttpClient client_;
  std::string key_;
};

/// Threads that work through a bounded queue, each with a connection of its own. The first failure
/// ends all work. One thread gives the jobs; jobs do not give jobs.
class Crew {
 public:
  using Job = std::function<Result<void>(ShopCaller&)>;

  Crew(const ShopAddress& address, const std::string& key, int size);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  /// Waits while the queue is full; false once a job has failed.
  bool give(Job job);
  /// Waits until all jobs are done; the first failure, if there was one.
  Result<void> finish();

  /// Names the work that follows, for the progress on standard error.
  void begin(std::string name, std::int64_t total);

 private:
  void work(const ShopAddress& address, const std::string& key);
  /// Returns add jobs that nobody could count before. The caller holds the mutex.
  [[nodiscard]] std::int64_t total() const {
    return std::max(total_, done_ + std::ssize(queue_) + busy_);
  }

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable has_work_, has_room_, is_idle_;
  std::deque<Job> queue_;
  int busy_ = 0;
  bool stopping_ = false;
  std::optional<Error> failure_;
  std::optional<Progress> progress_;
  std::int64_t done_ = 0, total_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace stoa
