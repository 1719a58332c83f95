#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "apphost/manifest.hpp"
#include "apphost/supervisor.hpp"

namespace stoa::apphost {

/// One process of the stack, as `stoa ps --json` prints it.
struct Row {
  std::string name;      ///< `ordering-1`; of what is one process the resource's
  std::string resource;  ///< `ordering`
  std::string kind;      ///< `service`, `server` or `executable`
  std::optional<std::int64_t> pid;
  State state = State::starting;
  std::optional<std::string> url;

  static constexpr auto fields() {
    return std::tuple{json::field("name", &Row::name),   json::field("resource", &Row::resource),
                      json::field("kind", &Row::kind),   json::field("pid", &Row::pid),
                      json::field("state", &Row::state), json::field("url", &Row::url)};
  }
};

/// What a stack is made of. All of it outlives it.
struct StackParts {
  const Manifest& manifest;
  std::vector<std::string> order;  ///< of `start_order`
  std::int64_t replicas = 1;       ///< of services that do not say how many
  Programs& programs;
  const Clock& clock;
  /// What runs a replica (they count from 1) of a resource; null: the resource is external.
  std::function<std::unique_ptr<Runnable>(const Resource&, std::int64_t replica)> make_runnable;
  /// A line of a process, or of its supervisor. From several threads.
  std::function<void(const std::string& resource, const std::string& name, std::string_view line)>
      output;
  /// The replicas that are to get requests, as a JSON text, whenever they are others than before.
  /// False when it could not be done: then at the next change.
  std::function<bool(const std::string& services)> publish;
  std::function<void(const Row&)> became_ready;  ///< while the stack starts, each once
  /// How long a replica that gets no more requests goes on with those that it has.
  std::chrono::milliseconds drain_pause{1'500};
};

/// All resources of a manifest, running. Thread-safe.
class Stack {
 public:
  virtual ~Stack() = default;
  /// Starts what is ready to be started until everything is ready; `not_ready` (unavailable) names
  /// what is not. Whatever has begun runs on until `stop`.
  virtual Result<void> start() = 0;
  /// Stops all in reverse order. What waits in the other functions fails soon.
  virtual void stop() = 0;

  [[nodiscard]] virtual std::vector<Row> rows() const = 0;
  /// `no_resource` (not_found).
  [[nodiscard]] virtual Result<void> check(const std::string& resource) const = 0;
  /// One replica after another, each ready before the next one is stopped.
  virtual Result<void> restart(const std::string& resource) = 0;
  /// Returns when all are ready. Those that go get no more requests first.
  virtual Result<void> scale(const std::string& service, std::int64_t replicas) = 0;
};

std::unique_ptr<Stack> make_stack(StackParts parts);

}  // namespace stoa::apphost
