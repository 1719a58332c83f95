#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/result.hpp"

namespace stoa::messaging {

/// A piece of work for whoever takes it. It says what is to be looked up, no more: the truth of it
/// stands in a database, so that a task may be lost, doubled or late and no harm is done.
struct Task {
  std::string id;           ///< the same when it is published again
  std::string type;         ///< as in `notification.Send.v1`
  std::string traceparent;  ///< empty when not traced
  Timestamp created_at;
  std::string data;  ///< at most 64 KiB; of a request and its answer, 4 MiB
};

struct QueuePlan {
  enum class Kind {
    tasks,     ///< in no order; what is to be tried again waits aside, and others go on
    ordered,   ///< one consumer among all at a time, and what is to be tried again holds the others
    requests,  ///< who asks waits for an answer: what is too late for it is dropped
  };
  std::string name;
  Kind kind = Kind::tasks;
  /// The pause before the second try, the third, …; the last one before all that follow. Not empty.
  std::vector<Duration> pauses = {std::chrono::seconds(1), std::chrono::seconds(5),
                                  std::chrono::seconds(30)};
  int tries_max = 10;       ///< then it is a dead letter
  int deliveries_max = 20;  ///< to consumers that died of it, likewise
};

/// How a try ended.
enum class TaskOutcome {
  done,
  again,    ///< it failed for now: it comes again after a pause
  refused,  ///< it will never succeed: a dead letter
};

struct ReceivedTask {
  Task task;
  int tries = 1;  ///< this one counted
};

/// Ends a try; once, from any thread, also after the consumer is gone. An `answer` goes to who
/// asked, if somebody did and it is `done`.
using Settle = std::function<void(TaskOutcome, std::string answer)>;

/// Takes a task on the consumer's thread and does not keep it waiting.
using TakeTask = std::function<void(ReceivedTask, Settle)>;

/// For one thread; connects when it is first used, and anew after a failure.
class TaskPublisher {
 public:
  virtual ~TaskPublisher() = default;
  /// Done when all of them are durable. Otherwise (`tasks_not_confirmed`, unavailable) it is not
  /// known which are: publish them again.
  [[nodiscard]] virtual Result<void> publish(const QueuePlan& queue,
                                             const std::vector<Task>& tasks) = 0;
};

/// Asks whoever consumes a queue of requests. What is asked may be asked twice, and of two of them:
/// so it is a question, or a command that comes twice without harm. Thread-safe.
class TaskCaller {
 public:
  using Then = std::function<void(Result<std::string>)>;
  virtual ~TaskCaller() = default;
  /// Calls `then` once, on another thread, which it does not keep waiting: with the answer, or with
  /// why there is none. `no_answer` (timeout): none came within `deadline`; what comes later goes
  /// to nobody. `tasks_unreachable` (unavailable): the broker takes no questions now. `overloaded`:
  /// too many wait.
  virtual void ask(const QueuePlan& queue, const Task& task, Duration deadline, Then then) = 0;
  /// What waits is told `tasks_unreachable`, and so is who asks from now on.
  virtual void stop() = 0;
};

}  // namespace stoa::messaging
