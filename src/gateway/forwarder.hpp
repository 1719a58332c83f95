#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/instances.hpp"
#include "kernel/http/router.hpp"
#include "kernel/http/upstream.hpp"
#include "kernel/resilience/retry_budget.hpp"
#include "kernel/telemetry/metrics.hpp"

namespace stoa {

/// The position that a client has seen when it had seen `earlier` and now sees `later`, both as
/// `Stoa-Position` writes them: of each service the later one. What is none is left out.
std::string joined_positions(std::string_view earlier, std::string_view later);

/// The headers of a request as the next server is to see them: without those of the connection,
/// with what `X-Forwarded-*`, `X-Request-Id` and `traceparent` tell of it.
std::vector<std::pair<std::string, std::string>> forwarded_headers(const http::Request& request);

/// Of those, what is for all services alike whose answers are made one: not what asks for a form of
/// the answer, or names a place of one.
std::vector<std::pair<std::string, std::string>> headers_for_all(const http::Request& request);

/// What a client is told when `service` gave no answer.
http::Response no_answer(http::UpstreamFault fault, const std::string& service,
                         const http::Request& request);

/// Passes requests on to the replicas of services and their answers back, as a reverse proxy does
/// (RFC 9110, section 7.6). A request that reached no replica is sent to another one; one whose
/// answer was lost only when that is safe, which is when its method is idempotent or it has an
/// Idempotency-Key; both within the service's retry budget. One whose body is a stream is sent
/// again only as long as nothing of the stream was asked for. Thread-safe once the services are
/// added.
class Forwarder {
 public:
  static constexpr int tries_max = 3;
  static constexpr std::size_t answer_bytes_max = std::size_t{16} << 20;  ///< of `ask_whole`

  /// All outlive it, and it outlives what they do for it.
  struct Parts {
    http::Upstream& upstream;
    const Clock& clock;
    telemetry::Metrics& metrics;
  };
  explicit Forwarder(Parts parts) : parts_(parts) {}

  void add(const std::string& service);
  [[nodiscard]] Instances& instances(std::string_view service);

  /// Asks one replica; `then` is called as `http::Upstream::send` calls it, also with `unreachable`
  /// when there is no replica to ask.
  void ask(std::string_view service, http::UpstreamRequest request,
           std::function<void(http::UpstreamAnswer)> then);

  /// The same, with the whole answer in its body: more than `answer_bytes_max` is `broken`.
  void ask_whole(std::string_view service, http::UpstreamRequest request,
                 std::function<void(http::UpstreamAnswer)> then);

  /// A handler that gives requests to `service`. Codes of its own: `service_unavailable` (503),
  /// `answer_lost` (502), `answer_late` (504).
  [[nodiscard]] http::Handler to(const std::string& service);

 private:
  struct Service {
    std::string name;
    Instances instances;
    RetryBudget budget;
    telemetry::Counter* repeats = nullptr;
    std::map<std::string_view, telemetry::Counter*> outcomes;
  };
  struct Attempt;

  [[nodiscard]] Service& service(std::string_view name);
  void begin(const std::shared_ptr<Attempt>& attempt);
  void end(const std::shared_ptr<Attempt>& attempt, http::UpstreamAnswer answer);
  static bool may_repeat(const Attempt& attempt, http::UpstreamFault fault);

  Parts parts_;
  std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
};

}  // namespace stoa
