#include "apphost/stack.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "apphost/plan.hpp"

namespace stoa::apphost {
namespace {

std::string kind_of(const Resource& resource) {
  if (resource.kind == Kind::service) return "service";
  return resource.kind == Kind::executable ? "executable" : "server";
}

bool has_replicas(const Resource& resource) {
  return resource.kind == Kind::service && resource.name != gateway_name;
}

/// How many processes it has when the stack starts.
std::int64_t count_of(const Resource& resource, std::int64_t replicas) {
  if (has_replicas(resource)) return resource.replicas.value_or(replicas);
  return resource.kind == Kind::kafka ? resource.replicas.value_or(1) : 1;
}

struct Instance {
  const Resource& resource;
  std::int64_t replica = 1;
  std::unique_ptr<Runnable> runnable;  ///< null: external
  std::unique_ptr<Supervisor> supervisor;

  [[nodiscard]] std::string name() const {
    const bool is_one_of_many = has_replicas(resource) || count_of(resource, 1) > 1;
    return is_one_of_many ? resource.name + "-" + std::to_string(replica) : resource.name;
  }
  [[nodiscard]] Row row() const {
    Row row{name(), resource.name, kind_of(resource), {}, State::external, {}};
    if (!supervisor) return row;
    auto view = supervisor->view();
    row.state = view.state;
    if (view.process != 0) row.pid = view.process;
    if (!view.url.empty()) row.url = std::move(view.url);
    return row;
  }
};

/// Shared, for one that is taken out while somebody still looks at it.
using InstancePtr = std::shared_ptr<Instance>;

class RunningStack final : public Stack {
 public:
  explicit RunningStack(StackParts parts) : parts_(std::move(parts)) {
    for (const auto& name : parts_.order) {
      const auto& resource = *parts_.manifest.find(name);
      const auto count = count_of(resource, parts_.replicas);
      for (std::int64_t replica = 1; replica <= count; ++replica) add(resource, replica);
    }
  }
  ~RunningStack() override { stop(); }

  Result<void> start() override {
    publish();
    std::set<std::string> told;
    auto waiting = instances();
    const auto all = waiting;
    for (;;) {
      std::uint64_t seen = 0;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return interrupted();
        seen = changes_;
      }
      std::erase_if(waiting, [&](const InstancePtr& one) {
        if (!are_ready(needs_of(one->resource))) return false;
        if (one->supervisor) one->supervisor->start();
        started_.insert(one->name());
        return true;
      });
      bool is_all_ready = waiting.empty();
      for (const auto& one : all) {
        if (!started_.contains(one->name())) continue;
        const auto row = one->row();
        const bool is_ready = row.state == State::ready || row.state == State::external;
        if (is_ready && told.insert(row.name).second) parts_.became_ready(row);
        is_all_ready = is_all_ready && is_ready;
        if (row.state != State::restarting) continue;
        if (auto failed = failure_of(*one)) return *failed;
      }
      std::unique_lock lock(mutex_);
      is_up_ = is_all_ready;
      if (is_up_) return {};
      changed_.wait_for(lock, std::chrono::milliseconds(200),
                        [&] { return stopping_ || changes_ != seen; });
    }
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    std::vector<std::string> together;  // none of which needs another
    for (auto name = parts_.order.rbegin(); name != parts_.order.rend(); ++name) {
      const bool is_needed = std::ranges::any_of(together, [&](const std::string& one) {
        return needs_of(*parts_.manifest.find(one)).contains(*name);
      });
      if (is_needed) stop_all(together);
      if (is_needed) together.clear();
      together.push_back(*name);
    }
    stop_all(together);
  }

  [[nodiscard]] std::vector<Row> rows() const override {
    std::vector<Row> rows;
    for (const auto& one : instances()) rows.push_back(one->row());
    return rows;
  }

  [[nodiscard]] Result<void> check(const std::string& resource) const override {
    if (parts_.manifest.find(resource) != nullptr) return {};
    std::string names;
    for (const auto& one : parts_.order) names += (names.empty() ? "" : ", ") + one;
    return fail(ErrorKind::not_found, "no_resource",
                "There is no resource " + resource + ": there are " + names + ".");
  }

  Result<void> restart(const std::string& resource) override {
    if (auto known = check_up(resource); !known) return known;
    const std::lock_guard one_at_a_time(operations_);
    for (const auto& one : of(resource)) {
      if (!one->supervisor)
        return fail(ErrorKind::conflict, "external", "The stack does not run " + resource + ".");
      if (has_replicas(one->resource))
        if (auto drained = drain(*one); !drained) return drained;
      if (auto ready = one->supervisor->restart(); !ready) return not_ready(*one, ready.error());
    }
    return {};
  }

  Result<void> scale(const std::string& service, std::int64_t replicas) override {
    if (auto known = check_up(service); !known) return known;
    const auto& resource = *parts_.manifest.find(service);
    if (!has_replicas(resource))
      return fail(ErrorKind::invalid, "not_scalable",
                  "Only services have replicas, beside the gateway.");
    if (replicas < 1 || replicas > replicas_max)
      return fail(ErrorKind::invalid, "wrong_replicas",
                  "A service has 1 to " + std::to_string(replicas_max) + " replicas.");
    const std::lock_guard one_at_a_time(operations_);
    auto there = of(service);
    std::vector<InstancePtr> more;
    for (auto next = std::ssize(there) + 1; next <= replicas; ++next) {
      const auto one = add(resource, next);
      if (one == nullptr) return interrupted();
      one->supervisor->start();
      more.push_back(one);
    }
    for (const auto& one : more) {
      const auto ready = one->supervisor->wait_ready();
      if (ready) continue;
      for (const auto& failed : more) remove(failed);
      return not_ready(*one, ready.error());
    }
    while (std::ssize(there) > replicas) {
      if (auto drained = drain(*there.back()); !drained) return drained;
      remove(there.back());
      there.pop_back();
    }
    return {};
  }

 private:
  static std::unexpected<Error> interrupted() {
    return fail(ErrorKind::unavailable, "stopping", "The stack is being stopped.");
  }
  static std::unexpected<Error> not_ready(const Instance& one, const Error& why) {
    return fail(ErrorKind::unavailable, "not_ready", one.name() + " is not ready: " + why.detail);
  }

  [[nodiscard]] Result<void> check_up(const std::string& resource) const {
    if (auto known = check(resource); !known) return known;
    const std::lock_guard lock(mutex_);
    if (is_up_) return {};
    return fail(ErrorKind::conflict, "starting", "The stack is still starting: wait for it.");
  }

  [[nodiscard]] std::vector<InstancePtr> instances() const {
    const std::lock_guard lock(mutex_);
    return instances_;
  }
  [[nodiscard]] std::vector<InstancePtr> of(const std::string& resource) const {
    auto found = instances();
    std::erase_if(found, [&](const InstancePtr& one) { return one->resource.name != resource; });
    return found;
  }

  void stop_all(const std::vector<std::string>& resources) const {
    auto all = instances();
    std::erase_if(all, [&](const InstancePtr& one) {
      return !one->supervisor ||
             std::ranges::find(resources, one->resource.name) == resources.end();
    });
    for (const auto& one : all) one->supervisor->begin_stop();
    for (const auto& one : all) one->supervisor->stop();
  }

  /// Nothing when the stack is being stopped.
  InstancePtr add(const Resource& resource, std::int64_t replica) {
    auto one = std::make_shared<Instance>(
        Instance{resource, replica, parts_.make_runnable(resource, replica), nullptr});
    const auto name = one->name();
    const auto output = [this, &resource, name](std::string_view line) {
      parts_.output(resource.name, name, line);
    };
    SupervisorOptions options;
    options.ready_within = std::chrono::seconds(resource.health.timeout_seconds);
    if (one->runnable)
      one->supervisor = make_supervisor(
          *one->runnable, parts_.programs, parts_.clock, options,
          {output, [output](const std::string& what) { output("apphost: " + what); },
           [this] { notice(); }});
    const std::lock_guard lock(mutex_);
    if (stopping_) return nullptr;
    const auto before = std::ranges::find_if(
        instances_.rbegin(), instances_.rend(),
        [&](const InstancePtr& other) { return other->resource.name == resource.name; });
    instances_.insert(before == instances_.rend() ? instances_.end() : before.base(), one);
    return one;
  }

  void remove(const InstancePtr& one) {
    {
      const std::lock_guard lock(mutex_);
      std::erase(instances_, one);
    }
    one->supervisor->stop();
    publish();
  }

  Result<void> drain(const Instance& one) {
    one.supervisor->drain();
    publish();
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, parts_.drain_pause, [&] { return stopping_; }))
      return interrupted();
    return {};
  }

  [[nodiscard]] bool are_ready(const std::set<std::string>& resources) const {
    return std::ranges::all_of(instances(), [&](const InstancePtr& one) {
      if (!resources.contains(one->resource.name)) return true;
      const auto state = one->row().state;
      return started_.contains(one->name()) && (state == State::ready || state == State::external);
    });
  }

  /// Of one that waits for its next start: whether there is any use in waiting for it.
  static std::optional<std::unexpected<Error>> failure_of(const Instance& one) {
    const auto why = one.supervisor->fault();
    if (!why) return std::nullopt;
    return not_ready(one, {ErrorKind::unavailable, "not_ready", *why});
  }

  void notice() {
    publish();
    const std::lock_guard lock(mutex_);
    ++changes_;
    changed_.notify_all();
  }

  void publish() {
    const std::lock_guard in_order(publishing_);
    std::string text = "{";
    for (const auto& name : parts_.order) {
      const auto& resource = *parts_.manifest.find(name);
      if (!has_replicas(resource)) continue;
      text.append(text.size() > 1 ? ",\"" : "\"").append(name).append("\":[");
      const char* comma = "\"";
      for (const auto& one : of(name)) {
        const auto row = one->row();
        if (row.state != State::ready || !row.pid || !row.url) continue;
        text.append(comma).append(*row.url).append("\"");
        comma = ",\"";
      }
      text += "]";
    }
    text += "}\n";
    if (text != published_ && parts_.publish(text)) published_ = std::move(text);
  }

  StackParts parts_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<InstancePtr> instances_;  ///< in the order of their start
  std::uint64_t changes_ = 0;
  bool stopping_ = false;
  bool is_up_ = false;
  std::set<std::string> started_;  ///< of the thread in `start`
  std::mutex operations_;
  std::mutex publishing_;
  std::string published_;
};

}  // namespace

std::unique_ptr<Stack> make_stack(StackParts parts) {
  return std::make_unique<RunningStack>(std::move(parts));
}

}  // namespace stoa::apphost
