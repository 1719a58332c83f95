#pragma once

#include <boost/describe/enum.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "apphost/restart_policy.hpp"
#include "kernel/process/programs.hpp"

namespace stoa::apphost {

/// `external` is never started by us; `restarting` waits for its next start; `draining` runs, and
/// gets no more requests.
BOOST_DEFINE_ENUM_CLASS(State, starting, ready, unhealthy, draining, stopping, restarting, stopped,
                        external)

/// What a supervisor keeps running. All but `url` is called on the supervisor's thread alone.
class Runnable {
 public:
  virtual ~Runnable() = default;
  /// The program, with all that it needs before it starts; may take seconds. A failure that trying
  /// again cannot mend is not retryable.
  virtual Result<Program> next() = 0;
  /// Whether it does its work now. Answers within seconds.
  virtual bool is_well() = 0;
  [[nodiscard]] virtual std::string url() const = 0;  ///< thread-safe
};

struct SupervisorOptions {
  RestartPolicy::Options restart;
  std::chrono::seconds ready_within{120};        ///< then it is ended, and started again
  std::chrono::milliseconds stop_grace{15'000};  ///< then it is killed
  std::chrono::milliseconds look_while_starting{100};
  std::chrono::milliseconds look_when_ready{2'000};
  int unwell_most = 3;  ///< looks in a row that a ready one may fail
};

/// What others are told; each on the supervisor's thread or that of `Programs`.
struct SupervisorEvents {
  std::function<void(std::string_view line)> output;
  std::function<void(const std::string& what)> said;  ///< by the supervisor
  std::function<void()> changed;                      ///< its state
};

/// Keeps one program running on a thread of its own, until it is stopped. Thread-safe.
class Supervisor {
 public:
  virtual ~Supervisor() = default;

  struct View {
    State state = State::starting;
    int process = 0;  ///< 0: none now
    std::string url;
  };
  [[nodiscard]] virtual View view() const = 0;

  virtual void start() = 0;
  /// Waits until it is ready: `not_ready` (unavailable) when it was not in time, ended again and
  /// again before it ever was, or is being stopped.
  virtual Result<void> wait_ready() = 0;
  /// Why nobody should wait for it any longer, before it was ready for the first time.
  [[nodiscard]] virtual std::optional<std::string> fault() const = 0;
  /// No more requests for it, though it runs; the next start ends that.
  virtual void drain() = 0;
  /// Stops it and starts it again, and waits as `wait_ready`.
  virtual Result<void> restart() = 0;
  /// Begins to stop it, for good.
  virtual void begin_stop() = 0;
  /// And waits for its end.
  virtual void stop() = 0;
};

/// All that it is given outlives it.
std::unique_ptr<Supervisor> make_supervisor(Runnable& runnable, Programs& programs,
                                            const Clock& clock, SupervisorOptions options,
                                            SupervisorEvents events);

}  // namespace stoa::apphost
