#include "main/replay_crew.hpp"

#include <algorithm>
#include <charconv>

namespace stoa {
namespace {

constexpr auto request_timeout = std::chrono::seconds(45);  // above the longest Prefer: wait
constexpr auto retry_for = std::chrono::seconds(60);
constexpr auto retry_pause_max = std::chrono::milliseconds(1'000);

Error unexpected_answer(const std::string& method, const std::string& target, int status,
                        std::string_view body) {
  std::string said = method + " " + target + " answered " + std::to_string(status);
  if (!body.empty()) said.append(": ").append(body.substr(0, 500));
  return {ErrorKind::conflict, "unexpected_answer", std::move(said)};
}

}  // namespace

Result<ShopAddress> ShopAddress::parse(std::string_view url) {
  const auto given = std::string(url);
  constexpr std::string_view scheme = "http://";
  ShopAddress address;
  if (url.starts_with(scheme)) {
    url.remove_prefix(scheme.size());
    if (url.ends_with('/')) url.remove_suffix(1);
    const auto colon = url.rfind(':');
    address.host = url.substr(0, colon);
    bool good = !address.host.empty() && address.host.find_first_of("/?#@[") == std::string::npos;
    if (good && colon != std::string_view::npos) {
      const auto port = url.substr(colon + 1);
      const auto [end, error] =
          std::from_chars(port.data(), port.data() + port.size(), address.port);
      good = error == std::errc{} && end == port.data() + port.size() && address.port != 0;
    }
    if (good) return address;
  }
  return fail(ErrorKind::invalid, "invalid_url",
              "The shop's address must look like http://127.0.0.1:5000, not " + given + ".");
}

ShopCaller::ShopCaller(const ShopAddress& address, std::string key)
    : client_(address.host, address.port, request_timeout), key_(std::move(key)) {}

Result<json::Value> ShopCaller::call(const std::string& method, const std::string& target,
                                     const std::string& body, const std::string& idempotency_key,
                                     std::initializer_list<int> good) {
  std::vector<std::pair<std::string, std::string>> headers{{"Authorization", "Bearer " + key_}};
  if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
  if (!idempotency_key.empty()) {
    headers.emplace_back("Idempotency-Key", idempotency_key);
    headers.emplace_back("Prefer", "wait=30");
  }
  const auto until = std::chrono::steady_clock::now() + retry_for;
  std::chrono::milliseconds pause(20);
  while (true) {
    auto answer = client_.send(method, target, headers, body);
    if (answer && std::ranges::find(good, answer->status) != good.end()) {
      if (answer->body.empty()) return json::Value();
      return json::parse(answer->body);
    }
    const bool may_retry = !answer || answer->status == 429 || answer->status == 503;
    if (!may_retry || std::chrono::steady_clock::now() + pause > until) {
      if (!answer) return fail(std::move(answer.error()));
      return fail(unexpected_answer(method, target, answer->status, answer->body));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, retry_pause_max);
  }
}

Crew::Crew(const ShopAddress& address, const std::string& key, int size)
    : queue_max_(static_cast<std::size_t>(size) * 4) {
  for (int i = 0; i < size; ++i)
    threads_.emplace_back([this, address, key] { work(address, key); });
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  has_work_.notify_all();
}

bool Crew::give(Job job) {
  std::unique_lock lock(mutex_);
  has_room_.wait(lock, [this] { return queue_.size() < queue_max_ || failure_; });
  if (failure_) return false;
  queue_.push_back(std::move(job));
  has_work_.notify_one();
  return true;
}

Result<void> Crew::finish() {
  std::unique_lock lock(mutex_);
  is_idle_.wait(lock, [this] { return busy_ == 0 && queue_.empty(); });
  if (progress_) progress_->end(done_, total());
  if (failure_) return fail(*failure_);
  return {};
}

void Crew::begin(std::string name, std::int64_t total) {
  const std::lock_guard lock(mutex_);
  done_ = 0;
  total_ = total;
  progress_.emplace(std::move(name), total);
}

void Crew::work(const ShopAddress& address, const std::string& key) {
  ShopCaller caller(address, key);
  std::unique_lock lock(mutex_);
  while (true) {
    has_work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const auto job = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    has_room_.notify_one();
    lock.unlock();
    auto result = job(caller);
    lock.lock();
    --busy_;
    ++done_;
    if (!result && !failure_) failure_ = std::move(result.error());
    if (failure_) {
      queue_.clear();
      has_room_.notify_all();
    }
    if (progress_) progress_->at(done_, total());
    if (busy_ == 0 && queue_.empty()) is_idle_.notify_all();
  }
}

}  // namespace stoa
