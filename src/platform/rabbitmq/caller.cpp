#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "kernel/messaging/loop.hpp"
#include "platform/rabbitmq/tasks.hpp"
#include "platform/rabbitmq/topology.hpp"

namespace stoa::rabbitmq {
namespace {

using messaging::TaskCaller;
using Steady = std::chrono::steady_clock;

constexpr std::size_t asked_max = 1'000;
constexpr std::chrono::milliseconds receive_wait{10};
/// A broker that stands still may make an answer late by so much.
constexpr std::chrono::milliseconds connect_min{250};
constexpr int failures_max = 2;

struct Question {
  messaging::QueuePlan queue;
  messaging::Task task;
  Steady::time_point until;
  TaskCaller::Then then;
  std::string correlation = {};  ///< of the link that it was published over; empty: not yet
  int failures = 0;              ///< of links
};

std::chrono::milliseconds until(Steady::time_point end) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now());
}

class Caller final : public TaskCaller, private messaging::Loop {
 public:
  explicit Caller(Settings settings) : settings_(std::move(settings)) { Loop::start(); }
  ~Caller() override { Caller::stop(); }

  void ask(const messaging::QueuePlan& queue, const messaging::Task& task, Duration deadline,
           Then then) override {
    if (const auto refused = take({queue, task, Steady::now() + deadline, then}); !refused)
      return then(fail(refused.error()));
    wake();
  }
  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    Loop::stop();
  }

 private:
  static Error stopped() {
    return {ErrorKind::unavailable, "tasks_unreachable", "This process is stopping."};
  }

  Result<void> take(Question question) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return fail(stopped());
    if (open_ >= asked_max) return fail(overloaded());
    ++open_;
    given_.push_back(std::move(question));
    return {};
  }

  Pause step() override {
    take_given();
    give_up_late();
    if (questions_.empty()) {
      if (link_ && Steady::now() - used_ > settings_.heartbeat) link_.reset();
      return {{}, settings_.heartbeat};
    }
    try {
      if (!link_) connect();
      for (auto& question : questions_)
        if (question.correlation.empty()) publish(question);
      if (const auto incoming = link_->receive(receive_wait)) take_answer(*incoming);
      used_ = Steady::now();
    } catch (const Failure& failure) {
      lost(failure.what());
    }
    return {};
  }
  void end() override {
    take_given();
    end_where([](const Question&) { return true; }, stopped());
    link_.reset();
  }

  void take_given() {
    const std::lock_guard lock(mutex_);
    std::ranges::move(given_, std::back_inserter(questions_));
    given_.clear();
  }

  void connect() {
    auto bounded = settings_;
    const auto first = std::ranges::min_element(questions_, {}, &Question::until)->until;
    bounded.answer_timeout =
        std::min(settings_.answer_timeout, std::max(connect_min, until(first)));
    link_.emplace(bounded);
    link_->consume_answers();
    declared_.clear();
  }

  void publish(Question& question) {
    const auto& queue = question.queue;
    if (std::ranges::find(declared_, queue.name) == declared_.end()) {
      declare(*link_, queue);
      declared_.push_back(queue.name);
    }
    auto correlation = std::to_string(++asked_);
    link_->publish({.key = queue.name,
                    .task = question.task,
                    .correlation_id = correlation,
                    .reply_to = Link::answers_come,
                    .lives = std::max(std::chrono::milliseconds(1), until(question.until))});
    question.correlation = std::move(correlation);
  }

  void take_answer(const Incoming& incoming) {
    const auto at = std::ranges::find(questions_, incoming.correlation_id, &Question::correlation);
    if (at == questions_.end()) return;  // too late
    const auto then = std::move(at->then);
    forget(at);
    then(incoming.task.data);
  }

  void give_up_late() {
    const auto now = Steady::now();
    end_where([now](const Question& one) { return one.until <= now; },
              {ErrorKind::timeout, "no_answer", "No answer came in time."});
  }

  /// A connection may have broken while nobody used it: once more is tried, over a new one.
  void lost(const std::string& why) {
    link_.reset();
    for (auto& question : questions_) {
      question.correlation.clear();
      ++question.failures;
    }
    end_where([](const Question& one) { return one.failures >= failures_max; },
              {ErrorKind::unavailable, "tasks_unreachable", why});
  }

  template <class Which>
  void end_where(Which&& which, const Error& why) {
    for (auto at = questions_.begin(); at != questions_.end();) {
      if (!which(*at)) {
        ++at;
        continue;
      }
      const auto then = std::move(at->then);
      at = forget(at);
      then(fail(why));
    }
  }

  std::vector<Question>::iterator forget(std::vector<Question>::iterator at) {
    const std::lock_guard lock(mutex_);
    --open_;
    return questions_.erase(at);
  }

  Settings settings_;
  std::optional<Link> link_;
  Steady::time_point used_;
  std::vector<std::string> declared_;  ///< queues, over this link
  std::int64_t asked_ = 0;
  std::vector<Question> questions_;
  std::mutex mutex_;
  std::vector<Question> given_;  ///< and not taken by the thread yet
  std::size_t open_ = 0;         ///< of both
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<messaging::TaskCaller> make_task_caller(Settings settings) {
  return std::make_unique<Caller>(std::move(settings));
}

}  // namespace stoa::rabbitmq
