#include "platform/redis/client.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "kernel/resilience/backoff.hpp"

namespace stoa::redis {
namespace {

constexpr Backoff reconnect_pause{std::chrono::milliseconds(100), std::chrono::seconds(2)};
/// A server that has not answered for so long is connected to anew.
constexpr std::chrono::milliseconds silence_max{1'000};
constexpr std::chrono::milliseconds idle_wait{1'000};

/// The breaker's time, which never falls.
Timestamp breaker_now() {
  return Timestamp(std::chrono::duration_cast<Duration>(Client::Steady::now().time_since_epoch()));
}

}  // namespace

void ignore_broken_pipes() {
  sigset_t pipes;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipes, nullptr);
}

Client::Client(Settings settings, Options options)
    : settings_(std::move(settings)),
      options_(std::move(options)),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      breaker_(options_.breaker) {
  if (wake_fd_ < 0) throw std::runtime_error("Redis: no event descriptor is left");
  thread_ = std::thread([this] { serve(); });
}

void Client::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  wake();
  thread_.join();
  close(wake_fd_);
}

CircuitBreaker::State Client::breaker_state() const {
  const std::lock_guard lock(mutex_);
  return is_connected_ ? breaker_.state() : CircuitBreaker::State::open;
}

void Client::send(Command command, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && is_connected_ && outstanding_ < options_.outstanding_max &&
        breaker_.allow(breaker_now())) {
      ++outstanding_;
      waiting_.push_back(
          {std::move(command), std::move(answer), Steady::now() + settings_.command_timeout});
      answer = nullptr;
    }
  }
  if (answer) return answer(nullptr);
  wake();
}

void Client::run(std::size_t script, const std::vector<std::string>& keys,
                 const std::vector<std::string>& arguments, Answer answer) {
  Command command{"EVALSHA", "", std::to_string(keys.size())};
  {
    const std::lock_guard lock(mutex_);
    if (script < script_names_.size()) command[1] = script_names_[script];
  }
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  // A server that has forgotten the script is given its text, and keeps it.
  auto again = command;
  send(std::move(command), [this, script, again = std::move(again),
                            answer = std::move(answer)](const redisReply* reply) mutable {
    const bool is_unknown = reply != nullptr && reply->type == REDIS_REPLY_ERROR &&
                            std::string_view(reply->str, reply->len).starts_with("NOSCRIPT");
    if (!is_unknown) return answer(reply);
    again[0] = "EVAL";
    again[1] = options_.scripts[script];
    send(std::move(again), std::move(answer));
  });
}

void Client::later(std::chrono::milliseconds pause, std::function<void()> then) {
  timers_.emplace(Steady::now() + pause, std::move(then));
}

void Client::serve() {
  ignore_broken_pipes();
  const auto is_stopping = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  while (!is_stopping()) {
    try {
      if (!link_) connect();
      exchange(*link_);
      if (link_->is_lost()) throw Unreachable("Redis: the connection broke");
    } catch (const Unreachable& failure) {
      if (failures_++ == 0 && options_.warn) options_.warn(failure.what());
      disconnect();
      const auto pause = reconnect_pause.delay(failures_ - 1, static_cast<std::uint64_t>(wake_fd_));
      wait(nullptr, false, std::chrono::ceil<std::chrono::milliseconds>(pause));
    }
  }
  disconnect();
}

void Client::connect() {
  auto link = std::make_unique<Link>(settings_);
  std::vector<std::string> names;
  for (const auto script : options_.scripts) {
    const auto reply = link->ask({"SCRIPT", "LOAD", std::string(script)});
    names.emplace_back(reply->str, reply->len);
  }
  link->stop_waiting();
  link_ = std::move(link);
  failures_ = 0;
  {
    const std::lock_guard lock(mutex_);
    script_names_ = std::move(names);
    breaker_.succeeded();
    is_connected_ = true;
  }
  has_missed_one_ = false;
  if (options_.answers_again) options_.answers_again();
}

/// Nobody waits for what a lost connection would have answered.
void Client::disconnect() {
  std::deque<Sent> lost;
  {
    const std::lock_guard lock(mutex_);
    is_connected_ = false;
    lost.swap(waiting_);
  }
  link_.reset();
  for (auto* queue : {&in_flight_, &lost}) {
    for (auto& sent : *queue) finish(sent, nullptr);
    queue->clear();
  }
  {
    const std::lock_guard lock(mutex_);
    outstanding_ = 0;
  }
  run_due(true);
}

/// One turn: writes what waits, sleeps until there is something to read or a time is over.
void Client::exchange(Link& link) {
  probe();
  const bool is_written = append_waiting(link);
  auto until = Steady::now() + idle_wait;
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first);
  for (const auto& sent : in_flight_) {
    until = std::min(until, sent.answer ? sent.deadline : sent.deadline + silence_max);
    if (sent.answer) break;
  }
  wait(&link, !is_written,
       std::max(std::chrono::milliseconds(0),
                std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now())));
  take_replies(link);
  give_up_overdue();
  run_due(false);
}

/// So that no caller need try whether the server is there again.
void Client::probe() {
  const std::lock_guard lock(mutex_);
  if (breaker_.state() == CircuitBreaker::State::closed || !breaker_.allow(breaker_now())) return;
  ++outstanding_;
  waiting_.push_back(
      {{"PING"}, [](const redisReply*) {}, Steady::now() + settings_.command_timeout});
}

bool Client::append_waiting(Link& link) {
  std::deque<Sent> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(waiting_);
  }
  for (auto& sent : fresh) {
    link.append(sent.command);
    sent.command.clear();
    in_flight_.push_back(std::move(sent));
  }
  return link.write();
}

void Client::take_replies(Link& link) {
  while (const auto reply = link.next()) {
    if (in_flight_.empty()) throw Unreachable("Redis answers what nobody asked");
    auto sent = std::move(in_flight_.front());
    in_flight_.pop_front();
    bool is_closed = false;
    {
      const std::lock_guard lock(mutex_);
      --outstanding_;
      if (sent.answer) breaker_.succeeded();
      is_closed = breaker_.state() == CircuitBreaker::State::closed;
    }
    finish(sent, reply.get());
    if (is_closed && std::exchange(has_missed_one_, false) && options_.answers_again)
      options_.answers_again();
  }
}

void Client::give_up_overdue() {
  const auto now = Steady::now();
  for (auto& sent : in_flight_) {
    if (sent.deadline > now) break;
    if (!sent.answer) continue;
    {
      const std::lock_guard lock(mutex_);
      breaker_.failed(breaker_now());
    }
    has_missed_one_ = true;
    finish(sent, nullptr);
  }
  if (!in_flight_.empty() && in_flight_.front().deadline + silence_max < now)
    throw Unreachable("Redis does not answer");
}

void Client::run_due(bool all) {
  while (!timers_.empty() && (all || timers_.begin()->first <= Steady::now())) {
    const auto then = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    then();
  }
}

void Client::finish(Sent& sent, const redisReply* reply) {
  if (const auto answer = std::exchange(sent.answer, nullptr)) answer(reply);
}

void Client::wait(const Link* link, bool wants_write, std::chrono::milliseconds most) const {
  pollfd watched[2] = {{wake_fd_, POLLIN, 0}, {-1, POLLIN, 0}};
  if (link != nullptr) watched[1].fd = link->fd();
  if (wants_write) watched[1].events |= POLLOUT;
  poll(watched, 2, static_cast<int>(most.count()));
  std::uint64_t count = 0;
  while (read(wake_fd_, &count, sizeof count) > 0) {
  }
  if (watched[1].revents != 0 && link_) link_->read();
}

void Client::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_fd_, &one, sizeof one));
}

}  // namespace stoa::redis
