#include "services/notification/application/handover.hpp"

#include <future>
#include <optional>

#include "kernel/mediator/run_and_wait.hpp"
#include "kernel/messaging/loop.hpp"

namespace stoa::notification {
namespace {

constexpr int handed_at_once = 500;
constexpr std::chrono::milliseconds look_pause{100};
constexpr std::chrono::milliseconds failure_pause{500};
constexpr std::chrono::seconds late{5};
constexpr std::string_view task_type = "notification.Send.v1";

messaging::Task task_of(const Notification& one) {
  return {one.id, std::string(task_type), one.traceparent, one.created_at,
          R"({"notification_id":")" + one.id + R"("})"};
}

class Handover final : public messaging::Loop {
 public:
  Handover(HandoverParts parts, const Clock& clock, Readers& readers,
           const NotificationQueries& queries, Executor& executor, NotificationStore& store)
      : parts_(std::move(parts)),
        clock_(clock),
        readers_(readers),
        queries_(queries),
        executor_(executor),
        store_(store) {
    start();
  }
  ~Handover() override { stop(); }

 private:
  using Rows = std::vector<Notification>;

  Pause step() override {
    Pause pause{{}, look_pause};
    const bool is_leader = parts_.is_leader();
    for (const auto channel : parts_.channels) {
      const auto rows = find(channel, is_leader);
      if (!rows) return {{}, failure_pause};
      if (rows->empty()) continue;
      if (!hand_over(channel, *rows)) return {{}, failure_pause};
      if (rows->size() == handed_at_once) pause = {};
    }
    return pause;
  }

  std::optional<Rows> find(Channel channel, bool is_leader) {
    std::promise<std::optional<Rows>> found;
    const auto now = clock_.now();
    const auto due_before = is_leader ? now : now - late;
    const bool submitted = readers_.submit(
        [&](Store store) {
          found.set_value(queries_.to_hand_over(store, channel, now, due_before,
                                                now - parts_.again_after, handed_at_once));
        },
        [&] { found.set_value(std::nullopt); });
    return submitted ? found.get_future().get() : std::nullopt;
  }

  bool hand_over(Channel channel, const Rows& rows) {
    std::vector<messaging::Task> tasks;
    tasks.reserve(rows.size());
    for (const auto& row : rows) tasks.push_back(task_of(row));
    if (const auto done = parts_.publisher->publish(queue_of(channel), tasks); !done) {
      if (!has_warned_)
        parts_.warn("Messages to customers are not handed over, and are late: " +
                    done.error().detail);
      has_warned_ = true;
      return false;
    }
    has_warned_ = false;
    return run_and_wait(executor_, {.lane = Executor::Lane::inside,
                                    .weight = static_cast<int>(rows.size()),
                                    .cause = {.actor = "system", .causation = "handover"},
                                    .run =
                                        [&](UnitOfWork& unit) {
                                          for (const auto& row : rows)
                                            store_.save_handed_over(row, unit.now());
                                        },
                                    .done = {}});
  }

  HandoverParts parts_;
  const Clock& clock_;
  Readers& readers_;
  const NotificationQueries& queries_;
  Executor& executor_;
  NotificationStore& store_;
  bool has_warned_ = false;
};

}  // namespace

messaging::QueuePlan queue_of(Channel channel) {
  return {.name = "notification." + std::string(json::name_of(channel))};
}

std::unique_ptr<messaging::Runner> run_handover(HandoverParts parts, const Clock& clock,
                                                Readers& readers,
                                                const NotificationQueries& queries,
                                                Executor& executor, NotificationStore& store) {
  return std::make_unique<Handover>(std::move(parts), clock, readers, queries, executor, store);
}

}  // namespace stoa::notification
