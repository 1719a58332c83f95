#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <thread>

#include "contracts/patience.hpp"
#include "contracts/rabbitmq_server.hpp"
#include "platform/rabbitmq/dead_letters.hpp"
#include "platform/rabbitmq/link.hpp"
#include "platform/rabbitmq/tasks.hpp"

namespace stoa {
namespace {

using namespace std::chrono_literals;
using messaging::QueuePlan;
using messaging::ReceivedTask;
using messaging::Settle;
using messaging::Task;
using messaging::TaskOutcome;
using Steady = std::chrono::steady_clock;

Task task(const std::string& id) {
  return {id, "test.Do.v1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          from_unix_microseconds(1'700'000'000'123'456), R"({"id":")" + id + R"("})"};
}

/// What came, in order, and when.
class Seen {
 public:
  void add(const ReceivedTask& received) {
    {
      const std::lock_guard lock(mutex_);
      all_.push_back(received);
      times_.push_back(Steady::now());
    }
    changed_.notify_all();
  }
  bool wait_for(std::size_t count, std::chrono::seconds most = 30s) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, [&] { return all_.size() >= count; });
  }
  bool wait_for(const std::string& id) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] {
      return std::ranges::any_of(all_, [&](const auto& one) { return one.task.id == id; });
    });
  }
  std::vector<std::string> ids() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> ids;
    ids.reserve(all_.size());
    for (const auto& one : all_) ids.push_back(one.task.id);
    return ids;
  }
  std::vector<ReceivedTask> all() {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  std::chrono::milliseconds between(std::size_t first, std::size_t second) {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration_cast<std::chrono::milliseconds>(times_.at(second) -
                                                                 times_.at(first));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ReceivedTask> all_;
  std::vector<Steady::time_point> times_;
};

class RabbitmqTasks : public testing::Test {
 protected:
  void SetUp() override { STOA_NEEDS_RABBITMQ(); }

  static RabbitmqServer& server() { return *RabbitmqServer::shared(); }
  static Result<void> publish(const QueuePlan& queue, const std::vector<Task>& tasks) {
    return rabbitmq::make_task_publisher(server().settings())->publish(queue, tasks);
  }
  static std::unique_ptr<messaging::Runner> consume(const QueuePlan& queue,
                                                    messaging::TakeTask take,
                                                    std::uint16_t at_once = 8) {
    return rabbitmq::run_task_consumer(
        server().settings(),
        {queue, at_once,
         [](const std::string& what) { std::fprintf(stderr, "tasks: %s\n", what.c_str()); }},
        std::move(take));
  }
  /// Sees every task and ends it as `outcome` says.
  std::unique_ptr<messaging::Runner> consume_as(const QueuePlan& queue, TaskOutcome outcome) {
    return consume(queue, [this, outcome](const ReceivedTask& received, const Settle& settle) {
      seen_.add(received);
      settle(outcome, {});
    });
  }
  static rabbitmq::QueueFigures figures(const QueuePlan& queue) {
    return rabbitmq::figures(server().settings(), queue);
  }
  /// The queue's figures once `good` is true of them, or after a while as they are.
  template <class Good>
  static rabbitmq::QueueFigures figures_when(const QueuePlan& queue, Good good) {
    const auto end = Steady::now() + 20s;
    auto found = figures(queue);
    while (!good(found) && Steady::now() < end) {
      std::this_thread::sleep_for(50ms);
      found = figures(queue);
    }
    return found;
  }

  Seen seen_;
};

TEST_F(RabbitmqTasks, ATask_ComesAsItWasPublished_AndIsGoneWhenItIsDone) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  ASSERT_TRUE(publish(queue, {task("a")}));
  EXPECT_EQ(figures(queue).ready, 1);
  {
    const auto consumer = consume_as(queue, TaskOutcome::done);
    ASSERT_TRUE(seen_.wait_for(1));
    EXPECT_EQ(figures_when(queue, [](const auto& now) { return now.ready == 0; }).consumers, 1);
    std::this_thread::sleep_for(100ms);
  }
  const auto received = seen_.all().at(0);
  const auto sent = task("a");
  EXPECT_EQ(received.tries, 1);
  EXPECT_EQ(received.task.id, sent.id);
  EXPECT_EQ(received.task.type, sent.type);
  EXPECT_EQ(received.task.traceparent, sent.traceparent);
  EXPECT_EQ(received.task.created_at, sent.created_at);
  EXPECT_EQ(received.task.data, sent.data);
  const auto now = figures(queue);
  EXPECT_EQ(now.ready + now.dead + now.waiting + now.consumers, 0);
}

TEST_F(RabbitmqTasks, WhatIsNotEnded_ComesToAnother_WhenItsConsumerGoes) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  ASSERT_TRUE(publish(queue, {task("a")}));
  Settle late;
  auto first = consume(queue, [&](const ReceivedTask& received, const Settle& settle) {
    late = settle;
    seen_.add(received);
  });
  ASSERT_TRUE(seen_.wait_for(1));
  first.reset();
  late(TaskOutcome::done, {});  // of a connection that is no more: it ends nothing
  const auto second = consume_as(queue, TaskOutcome::done);
  EXPECT_TRUE(seen_.wait_for(2)) << "acknowledged before its end";
}

TEST_F(RabbitmqTasks, WhatItsConsumersDieOf_IsADeadLetter_AfterSomeDeliveries) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  ASSERT_TRUE(publish(queue, {task("a")}));
  for (int nth = 0; nth <= queue.deliveries_max; ++nth) {
    rabbitmq::Link link(server().settings());
    link.consume(queue.name, 1);
    std::optional<rabbitmq::Incoming> incoming;
    for (const auto end = Steady::now() + 10s; !incoming && Steady::now() < end;)
      incoming = link.receive(100ms);
    ASSERT_TRUE(incoming) << nth;
  }
  const auto now = figures_when(queue, [](const auto& f) { return f.dead == 1; });
  EXPECT_EQ(now.dead, 1);
  EXPECT_EQ(now.ready, 0);
}

TEST_F(RabbitmqTasks, WhatFails_IsTriedAgainAfterPauses_ThenItIsADeadLetter_ThatCanBeReplayed) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  ASSERT_TRUE(publish(queue, {task("a")}));
  {
    const auto consumer = consume_as(queue, TaskOutcome::again);
    ASSERT_TRUE(seen_.wait_for(3));
    EXPECT_EQ(figures_when(queue, [](const auto& f) { return f.dead == 1; }).dead, 1);
  }
  EXPECT_EQ(seen_.all().at(1).tries, 2);
  EXPECT_EQ(seen_.all().at(2).tries, 3);
  EXPECT_GE(seen_.between(0, 1), 190ms);
  EXPECT_LT(seen_.between(0, 1), 2'000ms);
  EXPECT_GE(seen_.between(1, 2), 590ms);
  EXPECT_LT(seen_.between(1, 2), 3'000ms);

  const auto letters = rabbitmq::dead_letters(server().settings(), queue, 10);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters.at(0).task.data, task("a").data);
  EXPECT_EQ(figures_when(queue, [](const auto& f) { return f.dead == 1; }).dead, 1)
      << "a look takes nothing away";
  EXPECT_EQ(rabbitmq::replay(server().settings(), queue, "another"), 0);
  EXPECT_EQ(rabbitmq::replay(server().settings(), queue, "a"), 1);
  const auto consumer = consume_as(queue, TaskOutcome::done);
  ASSERT_TRUE(seen_.wait_for(4));
  EXPECT_EQ(seen_.all().at(3).tries, 1) << "from the start";
  EXPECT_EQ(figures(queue).dead, 0);
}

TEST_F(RabbitmqTasks, WhatIsRefused_IsADeadLetterAtOnce) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  ASSERT_TRUE(publish(queue, {task("a"), task("b")}));
  const auto consumer = consume(queue, [](const ReceivedTask& received, const Settle& settle) {
    if (received.task.id == "b") throw std::runtime_error("a defect");
    settle(TaskOutcome::refused, {});
  });
  EXPECT_EQ(figures_when(queue, [](const auto& f) { return f.dead == 2; }).dead, 2)
      << "what a consumer throws of is tried again, and given up";
}

TEST_F(RabbitmqTasks, WhileOneIsTriedAgain_OthersGoOn_ButNotInAnOrderedQueue) {
  for (const auto kind : {QueuePlan::Kind::tasks, QueuePlan::Kind::ordered}) {
    Seen seen;
    const auto queue = server().fresh_queue(kind);
    ASSERT_TRUE(publish(queue, {task("a"), task("b"), task("c")}));
    const auto take = [&](const ReceivedTask& received, const Settle& settle) {
      seen.add(received);
      const bool fails = received.task.id == "a" && received.tries == 1;
      settle(fails ? TaskOutcome::again : TaskOutcome::done, {});
    };
    const auto first = consume(queue, take);
    const auto second = consume(queue, take);
    ASSERT_TRUE(seen.wait_for(4));
    if (kind == QueuePlan::Kind::ordered) {
      EXPECT_EQ(seen.ids(), (std::vector<std::string>{"a", "a", "b", "c"}));
      EXPECT_GE(seen.between(0, 1), 190ms);
    } else {
      EXPECT_EQ(seen.ids().back(), "a");
    }
  }
}

TEST_F(RabbitmqTasks, AnOrderedQueue_KeepsItsOrder_WhenItsConsumerGoes) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::ordered);
  std::vector<Task> tasks;
  tasks.reserve(20);
  std::vector<std::string> ids;
  for (int nth = 0; nth < 20; ++nth) tasks.push_back(task(ids.emplace_back(std::to_string(nth))));
  ASSERT_TRUE(publish(queue, tasks));
  Seen begun;
  auto first = consume(queue, [&](const ReceivedTask& received, const Settle& settle) {
    begun.add(received);
    if (begun.ids().size() < 5) {
      seen_.add(received);
      settle(TaskOutcome::done, {});
    }
  });
  ASSERT_TRUE(begun.wait_for(1));
  const auto second = consume_as(queue, TaskOutcome::done);
  ASSERT_TRUE(begun.wait_for(5));
  first.reset();
  ASSERT_TRUE(seen_.wait_for(20));
  EXPECT_EQ(seen_.ids(), ids);
}

Result<std::string> answer_to(messaging::TaskCaller& caller, const QueuePlan& queue,
                              const std::string& id, Duration deadline) {
  // Shared: an answer may come when nobody waits for it any more.
  const auto told = std::make_shared<std::promise<Result<std::string>>>();
  caller.ask(queue, task(id), deadline,
             [told](Result<std::string> answer) { told->set_value(std::move(answer)); });
  auto answer = told->get_future();
  if (answer.wait_for(30s) != std::future_status::ready)
    return fail(ErrorKind::internal, "nothing_told", "The caller was never told.");
  return answer.get();
}

TEST_F(RabbitmqTasks, AQuestion_IsAnsweredInTime_OrNotAtAll) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::requests);
  const auto caller = rabbitmq::make_task_caller(server().settings());
  const auto begun = Steady::now();
  EXPECT_EQ(answer_to(*caller, queue, "nobody", 300ms).error().code, "no_answer");
  EXPECT_LT(Steady::now() - begun, 3s);
  std::this_thread::sleep_for(100ms);

  Settle slow;
  const auto consumer = consume(queue, [&](const ReceivedTask& received, const Settle& settle) {
    seen_.add(received);
    if (received.task.id == "slow")
      slow = settle;
    else
      settle(TaskOutcome::done, "to " + received.task.id);
  });
  const auto answer = answer_to(*caller, queue, "a", 5s);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(*answer, "to a");
  EXPECT_EQ(seen_.ids(), (std::vector<std::string>{"a"})) << "what was too late is not asked";
  EXPECT_EQ(answer_to(*caller, queue, "slow", 300ms).error().code, "no_answer");
  slow(TaskOutcome::done, "too late");
  EXPECT_EQ(answer_to(*caller, queue, "b", 5s).value_or(""), "to b");
  EXPECT_EQ(figures(queue).ready, 0);
}

TEST_F(RabbitmqTasks, QuestionsOfOneCaller_DoNotWaitForEachOther) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::requests);
  const auto caller = rabbitmq::make_task_caller(server().settings());
  std::mutex mutex;
  std::vector<std::pair<std::string, Settle>> held;
  const auto consumer = consume(queue, [&](const ReceivedTask& received, const Settle& settle) {
    if (received.task.id == "first") return settle(TaskOutcome::done, {});
    const std::lock_guard lock(mutex);
    held.emplace_back(received.task.id, settle);
    if (held.size() < 5) return;
    for (auto at = held.rbegin(); at != held.rend(); ++at)
      at->second(TaskOutcome::done, "to " + at->first);
  });
  ASSERT_TRUE(comes_true([&] { return answer_to(*caller, queue, "first", 5s).has_value(); }));
  std::vector<std::promise<std::string>> told(5);
  for (std::size_t nth = 0; nth < told.size(); ++nth)
    caller->ask(queue, task(std::to_string(nth)), 30s, [&, nth](const Result<std::string>& answer) {
      told[nth].set_value(answer.value_or("none"));
    });
  for (std::size_t nth = 0; nth < told.size(); ++nth)
    EXPECT_EQ(told[nth].get_future().get(), "to " + std::to_string(nth));
}

/// A queue that is younger when RabbitMQ is killed can be out of order afterwards: what Ra, under
/// quorum queues, notes of a new one is on the disk half a second later.
void let_a_new_queue_settle() { std::this_thread::sleep_for(2s); }

TEST_F(RabbitmqTasks, AQuestion_WhoseBrokerIsKilled_IsRefusedSoon_AndTheNextOneIsAnswered) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::requests);
  const auto caller = rabbitmq::make_task_caller(server().settings());
  const auto consumer = consume(queue, [](const ReceivedTask& received, const Settle& settle) {
    settle(TaskOutcome::done, "to " + received.task.id);
  });
  const auto is_answered = [&] { return answer_to(*caller, queue, "a", 5s).has_value(); };
  ASSERT_TRUE(comes_true(is_answered));
  let_a_new_queue_settle();
  server().stop(SIGKILL);
  auto begun = Steady::now();
  EXPECT_EQ(answer_to(*caller, queue, "b", 20s).error().code, "tasks_unreachable");
  EXPECT_LT(Steady::now() - begun, 3s);
  server().start();
  EXPECT_TRUE(comes_true(is_answered));

  server().signal(SIGSTOP);
  begun = Steady::now();
  EXPECT_EQ(answer_to(*caller, queue, "d", 1s).error().code, "no_answer");
  EXPECT_LT(Steady::now() - begun, 3s);
  const auto fresh = rabbitmq::make_task_caller(server().settings());
  begun = Steady::now();
  EXPECT_FALSE(answer_to(*fresh, queue, "e", 1s)) << "it cannot even connect";
  EXPECT_LT(Steady::now() - begun, 3s);
  server().signal(SIGCONT);
}

TEST_F(RabbitmqTasks, AQuestion_OverAConnectionThatBroke_IsAskedAgain) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::requests);
  const auto caller = rabbitmq::make_task_caller(server().settings());
  auto consumer = consume(queue, [](const ReceivedTask& received, const Settle& settle) {
    settle(TaskOutcome::done, "to " + received.task.id);
  });
  ASSERT_TRUE(comes_true([&] { return answer_to(*caller, queue, "a", 5s).has_value(); }));
  let_a_new_queue_settle();
  consumer.reset();
  server().stop(SIGKILL);
  server().start();
  consumer = consume(queue, [](const ReceivedTask& received, const Settle& settle) {
    settle(TaskOutcome::done, "to " + received.task.id);
  });
  const auto other = rabbitmq::make_task_caller(server().settings());
  ASSERT_TRUE(comes_true([&] { return answer_to(*other, queue, "a", 5s).has_value(); }));
  EXPECT_EQ(answer_to(*caller, queue, "b", 20s).value_or(""), "to b");
}

TEST_F(RabbitmqTasks, ACallerThatStops_TellsWhoWaits) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::requests);
  const auto caller = rabbitmq::make_task_caller(server().settings());
  std::promise<std::string> told;
  caller->ask(queue, task("a"), 30s, [&](const Result<std::string>& answer) {
    told.set_value(answer ? *answer : answer.error().code);
  });
  caller->stop();
  EXPECT_EQ(told.get_future().get(), "tasks_unreachable");
  EXPECT_EQ(answer_to(*caller, queue, "b", 1s).error().code, "tasks_unreachable");
}

TEST_F(RabbitmqTasks, ABrokerThatIsKilled_HasWhatItConfirmed_AndIsFoundAgain) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  const auto publisher = rabbitmq::make_task_publisher(server().settings());
  ASSERT_TRUE(publisher->publish(queue, {task("a"), task("b")}));
  const auto consumer = consume(
      queue,
      [this](const ReceivedTask& received, const Settle& settle) {
        seen_.add(received);
        if (received.task.id != "a" || seen_.ids().size() > 2) settle(TaskOutcome::done, {});
      },
      2);
  ASSERT_TRUE(seen_.wait_for(2));
  server().stop(SIGKILL);
  EXPECT_EQ(publisher->publish(queue, {task("c")}).error().code, "tasks_not_confirmed");
  server().start();
  ASSERT_TRUE(publisher->publish(queue, {task("c")}));
  ASSERT_TRUE(seen_.wait_for("c"));
  const auto ids = seen_.ids();
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "a"), 2) << "it was not ended";
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "c"), 1);
}

TEST_F(RabbitmqTasks, ABrokerThatStandsStill_HoldsNobody_AndLosesNothing) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  const auto publisher = rabbitmq::make_task_publisher(server().settings());
  const auto consumer = consume_as(queue, TaskOutcome::done);
  ASSERT_TRUE(publisher->publish(queue, {task("a")}));
  ASSERT_TRUE(seen_.wait_for(1));
  server().signal(SIGSTOP);
  const auto begun = Steady::now();
  EXPECT_FALSE(publisher->publish(queue, {task("b")}));
  EXPECT_LT(Steady::now() - begun, 8s);
  server().signal(SIGCONT);
  // Not known, so again: it may come twice, which its taker knows.
  for (int tries = 0; tries < 20 && !publisher->publish(queue, {task("b")}); ++tries)
    std::this_thread::sleep_for(200ms);
  EXPECT_TRUE(seen_.wait_for("b"));
}

TEST_F(RabbitmqTasks, AQueueThatIsDeleted_IsMadeAgain) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  const auto publisher = rabbitmq::make_task_publisher(server().settings());
  const auto consumer = consume_as(queue, TaskOutcome::done);
  ASSERT_TRUE(publisher->publish(queue, {task("a")}));
  ASSERT_TRUE(seen_.wait_for(1));
  rabbitmq::Link(server().settings()).remove_queue(queue.name);
  for (int tries = 0; tries < 20 && !publisher->publish(queue, {task("b")}); ++tries)
    std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(seen_.wait_for(2));
}

TEST_F(RabbitmqTasks, OverTls_OnlyABrokerThatIsTrusted_IsTalkedTo) {
  const auto queue = server().fresh_queue(QueuePlan::Kind::tasks);
  const auto trusted =
      rabbitmq::make_task_publisher(server().tls_settings())->publish(queue, {task("a")});
  EXPECT_TRUE(trusted) << trusted.error().detail;
  auto unknown = server().tls_settings();
  unknown.ca_file.clear();
  EXPECT_FALSE(rabbitmq::make_task_publisher(unknown)->publish(queue, {task("a")}));
  auto other_name = server().tls_settings();
  other_name.host = "127.0.0.1";
  EXPECT_FALSE(rabbitmq::make_task_publisher(other_name)->publish(queue, {task("a")}));
  auto in_the_clear = server().settings();
  in_the_clear.password = "wrong";
  const auto refused = rabbitmq::make_task_publisher(in_the_clear)->publish(queue, {task("a")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail.find("wrong"), std::string::npos) << "no password in errors";
}

}  // namespace
}  // namespace stoa
