#include "gateway/gateway.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <map>
#include <mutex>

#include "gateway/pages.hpp"
#include "kernel/base/assert.hpp"
#include "kernel/base/text.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/telemetry/trace.hpp"

namespace stoa {
namespace {

using http::Access;
using http::Principal;

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
}

/// Larger answers of a handler are finished elsewhere: it may stand on an I/O thread.
constexpr std::size_t inline_bytes_max = std::size_t{64} << 10;
thread_local bool in_handler = false;

struct InHandler {
  InHandler() { in_handler = true; }
  InHandler(const InHandler&) = delete;
  InHandler& operator=(const InHandler&) = delete;
  ~InHandler() { in_handler = false; }
};

http::Response refuse_coding(const http::Request& request) {
  constexpr std::string_view code = "unsupported_content_encoding";
  const std::string message = "A body is taken as it is, without a Content-Encoding.";
  auto response = http::problem({ErrorKind::unsupported_media,
                                 std::string(code),
                                 message,
                                 {{"header/Content-Encoding", std::string(code), message}}},
                                request);
  response.headers.emplace_back("Accept-Encoding", "identity");
  return response;
}

/// Counts a stream for as long as the server holds it.
class CountedStream final : public http::Stream {
 public:
  CountedStream(std::shared_ptr<http::Stream> stream, std::atomic<std::size_t>& open)
      : stream_(std::move(stream)), open_(open) {
    ++open_;
  }
  CountedStream(const CountedStream&) = delete;
  CountedStream& operator=(const CountedStream&) = delete;
  ~CountedStream() override { --open_; }
  void next(Take take) override { stream_->next(std::move(take)); }
  [[nodiscard]] std::string_view heartbeat() const override { return stream_->heartbeat(); }
  [[nodiscard]] bool is_broken() const override { return stream_->is_broken(); }

 private:
  std::shared_ptr<http::Stream> stream_;
  std::atomic<std::size_t>& open_;
};

/// Moves a parameter of the query to the header that it stands for, unless that is there already.
void take_from_query(http::Request& request, const http::SecretParameter& parameter) {
  std::string kept;
  std::string_view rest = request.query;
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const auto name = part.substr(0, part.find('='));
    if (percent_decode(name) == parameter.name) {
      const auto value = part.substr(std::min(name.size() + 1, part.size()));
      request.headers.emplace_back(parameter.header, percent_decode(value).value_or(""));
    } else {
      kept.append(kept.empty() ? "" : "&").append(part);
    }
  }
  request.query = std::move(kept);
}

class TheGateway final : public Gateway {
 public:
  TheGateway(GatewayOptions options, http::Router& router, const Crypto& crypto, const Clock& clock,
             IdSource& ids, telemetry::Metrics& metrics, telemetry::Log& log, Positions& positions,
             RateLimiter* limiter)
      : options_(std::move(options)),
        router_(router),
        crypto_(crypto),
        clock_(clock),
        ids_(ids),
        metrics_(metrics),
        log_(log),
        positions_(positions),
        limiter_(limiter),
        rate_policy_(policy_of(options_.rate_limit)) {
    STOA_ASSERT((limiter != nullptr) == options_.rate_limit.has_value());
    metrics_.gauge(
        "stoa_http_streams", [this] { return static_cast<double>(streams_.load()); },
        options_.endpoint.empty() ? "" : telemetry::label("endpoint", options_.endpoint));
  }

  http::RouteLimits limits(http::Request& request) const override {
    return find_route(request) ? request.route->limits : http::RouteLimits{};
  }

  void handle(std::shared_ptr<http::Request> received, http::Reply reply) override {
    const auto span = identify(*received);
    const auto found = find_route(*received);
    const auto* const route = received->route;
    if (route != nullptr)
      for (const auto& parameter : route->secret_query) take_from_query(*received, parameter);
    auto allowed = authenticate(*received);
    if (!found) {
      allowed = found;
    } else if (allowed) {
      allowed = authorise(*received, *route);
    }
    const http::RequestPtr request = std::move(received);
    if (span)
      reply = [span, request, reply = std::move(reply)](http::Response&& response) {
        end_span(*span, request->route, response.status);
        reply(std::move(response));
      };
    const http::Reply answer = [this, request,
                                reply = std::move(reply)](http::Response&& response) {
      finish(request, std::move(response), reply);
    };
    if (limiter_ == nullptr || (route != nullptr && !route->rate_limited))
      return serve(request, allowed, answer);
    limiter_->take(client_of(*request), request->received_at,
                   [this, request, allowed, answer](const RateVerdict& verdict) {
                     serve_within(verdict, request, allowed, answer);
                   });
  }

 private:
  /// Once a request: what it found is in the request.
  Result<void> find_route(http::Request& request) const {
    if (request.route != nullptr) return {};
    auto match = router_.match(request.method, request.path);
    if (!match) return fail(std::move(match.error()));
    request.route = match->route;
    request.params = std::move(match->params);
    return {};
  }

  /// On the thread of a handler what takes long is left to others.
  void finish(const http::RequestPtr& request, http::Response&& response,
              const http::Reply& reply) {
    if (response.stream) hold_stream(response, *request);
    if (response.negotiated || response.body.size() <= inline_bytes_max || !in_handler ||
        !options_.background)
      return complete(*request, std::move(response), reply, true);
    const auto kept = std::make_shared<http::Response>(std::move(response));
    const bool taken = options_.background(
        [this, request, kept, reply] { complete(*request, std::move(*kept), reply, true); });
    if (!taken) complete(*request, std::move(*kept), reply, false);
  }

  /// The last steps of every answer, in this order; `measure` sees what is sent.
  void complete(const http::Request& request, http::Response&& response, const http::Reply& reply,
                bool may_compress) {
    const auto* const route = request.route;
    if (http::header_of(response, "Cache-Control").empty())
      response.headers.emplace_back("Cache-Control", "no-store");
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (reads && route != nullptr && response.status == 200 && !response.stream)
      choose_form(request, *route, response, may_compress);
    response.headers.emplace_back("X-Request-Id", request.request_id);
    response.headers.emplace_back("traceparent", request.traceparent);
    if (request.principal != Principal::anonymous && route != nullptr &&
        route->access != Access::open)
      response.headers.emplace_back("Stoa-Position", position_text());
    if (route != nullptr && route->lifecycle)
      for (auto& header : http::lifecycle_headers(*route, request.path))
        response.headers.push_back(std::move(header));
    measure(request, response.status);
    reply(std::move(response));
  }

  void choose_form(const http::Request& request, const http::Route& route, http::Response& response,
                   bool may_compress) const {
    if (response.negotiated) return http::apply_condition(response, request);
    const bool kept_by_others = http::header_of(response, "Cache-Control") != "no-store";
    if (kept_by_others && http::header_of(response, "ETag").empty())
      response.headers.emplace_back("ETag", http::content_tag(crypto_, response.body));
    if (is_compressible(route, response)) {
      http::vary_by(response, "Accept-Encoding");
      const auto coding = http::coding_for(request.header("accept-encoding"));
      if (http::is_known(request, http::tag_of(http::header_of(response, "ETag"), coding))) {
        http::apply_coding(response, coding, {});
      } else if (may_compress) {
        if (auto packed = http::encode(options_.codecs, coding, response.body))
          http::apply_coding(response, coding, std::move(*packed));
      }
    }
    http::apply_condition(response, request);
  }

  /// An answer that holds a secret stays as it is: its size would tell about the secret when it
  /// holds what an attacker chose too.
  [[nodiscard]] bool is_compressible(const http::Route& route,
                                     const http::Response& response) const {
    const auto& type = response.content_type;
    return options_.codecs.gzip && !route.holds_secrets &&
           response.body.size() >= http::compressed_bytes_min &&
           (type.starts_with("application/json") || type.starts_with("text/")) &&
           http::header_of(response, "Content-Encoding").empty();
  }

  /// A few too many may slip in when they come at the same instant.
  void hold_stream(http::Response& response, const http::Request& request) {
    if (streams_ < options_.streams_max) {
      response.stream = std::make_shared<CountedStream>(std::move(response.stream), streams_);
      return;
    }
    response = http::problem({ErrorKind::unavailable, "too_many_streams",
                              "Too many streams are open: try again shortly."},
                             request);
  }

  /// `allowed` is what the chain said so far; there is no route only when that is a refusal.
  void serve(const http::RequestPtr& request, const Result<void>& allowed,
             const http::Reply& answer) {
    if (!allowed) return answer(http::problem(allowed.error(), *request));
    const auto coding = request->header("content-encoding");
    const bool has_body = !request->body.empty() || request->stream;
    if (has_body && !coding.empty() && !ascii_iequals(coding, "identity"))
      return answer(refuse_coding(*request));
    auto wanted = wanted_positions(*request);
    // A write needs no wait: it is decided on the newest state.
    const bool reads = request->method == "GET" || request->method == "HEAD";
    if (!wanted && !reads && wanted.error().code == "log_epoch_changed") wanted = PositionVector{};
    if (!wanted) return answer(http::problem(wanted.error(), *request));
    if (wanted->empty() || !reads) return run(request, answer);
    positions_.when_reached(std::move(*wanted), [this, request, answer](bool reached) {
      if (reached) return run(request, answer);
      answer(http::problem({ErrorKind::unavailable, "position_not_reached",
                            "The shop has not come to this Stoa-Position: try again shortly."},
                           *request));
    });
  }
  void run(const http::RequestPtr& request, const http::Reply& answer) {
    const InHandler scope;
    const auto& route = *request->route;
    try {
      route.handler(request, answer);
    } catch (const std::exception& e) {
      log_.write(telemetry::Level::error, "A handler failed",
                 {{"what", e.what()},
                  {"route", route.path},
                  {"request_id", request->request_id},
                  {"trace_id", telemetry::trace_id_of(request->traceparent)}});
      answer(http::problem(internal_error(), *request));
    }
  }

  /// Tells every answer what the client may still send, in the form of the IETF's
  /// draft-ietf-httpapi-ratelimit-headers.
  void serve_within(const RateVerdict& verdict, const http::RequestPtr& request,
                    const Result<void>& allowed, const http::Reply& answer) {
    const http::Reply limited = [this, verdict, answer](http::Response&& response) {
      response.headers.emplace_back("RateLimit-Policy", rate_policy_);
      response.headers.emplace_back("RateLimit",
                                    "\"client\";r=" + std::to_string(verdict.remaining) +
                                        ";t=" + seconds_up(verdict.full_after));
      answer(std::move(response));
    };
    if (verdict.allowed) return serve(request, allowed, limited);
    auto response = http::problem(
        {ErrorKind::rate_limited, "rate_limited", "Too many requests: slow down and try again."},
        *request);
    for (auto& [name, value] : response.headers)
      if (name == "Retry-After") value = seconds_up(verdict.retry_after);
    limited(std::move(response));
  }
  static std::string seconds_up(Duration duration) {
    return std::to_string(std::chrono::ceil<std::chrono::seconds>(duration).count());
  }
  /// The burst as the quota, and as its window the time in which the rate gives it back.
  static std::string policy_of(const std::optional<RateLimit>& limit) {
    if (!limit) return {};
    const auto window = (limit->burst + limit->per_second - 1) / limit->per_second;
    return "\"client\";q=" + std::to_string(limit->burst) + ";w=" + std::to_string(window);
  }
  /// The secret key is one client wherever it is used. The publishable one stands in every page of
  /// the shop: one buyer must not use up what the others may send.
  static std::string client_of(const http::Request& request) {
    if (request.principal == Principal::secret) return "secret key";
    return request.client_address;
  }

  /// Empty without the header.
  [[nodiscard]] Result<PositionVector> wanted_positions(const http::Request& request) const {
    const auto text = request.header("stoa-position");
    if (text.empty()) return PositionVector{};
    const auto plain = options_.epochs.unmark(text);
    if (!plain) return fail(plain.error());
    if (auto positions = parse_positions(*plain);
        positions && (!options_.knows_all_logs || are_of_this_shop(*positions)))
      return std::move(*positions);
    return fail(
        Error{ErrorKind::malformed,
              "invalid_position",
              "Stoa-Position must be sent back as it was answered.",
              {{"header/Stoa-Position", "invalid_position",
                "Must be like " + options_.epochs.mark(to_text(positions_.durable())) + "."}}});
  }
  [[nodiscard]] bool are_of_this_shop(const PositionVector& positions) const {
    const auto known = positions_.durable();
    return std::ranges::all_of(positions, [&](const auto& one) {
      return std::ranges::any_of(known,
                                 [&](const auto& other) { return other.first == one.first; });
    });
  }

  /// The span of the request; null when it is not traced.
  std::shared_ptr<telemetry::Span> identify(http::Request& request) {
    request.received_at = clock_.now();
    const auto given = request.header("x-request-id");
    request.request_id = is_request_id(given) ? std::string(given) : to_base32(ids_.next());
    const auto parent = telemetry::parse_traceparent(request.header("traceparent"));
    if (options_.tracer == nullptr || !options_.tracer->is_on()) {
      request.traceparent = parent ? *parent : telemetry::make_traceparent(ids_);
      return nullptr;
    }
    request.traceparent = parent.value_or("");
    auto span = options_.tracer->enter(request.traceparent, request.received_at);
    // Shared, because who answers is a function that may be copied.
    return span ? std::make_shared<telemetry::Span>(std::move(span)) : nullptr;
  }

  static void end_span(telemetry::Span& span, const http::Route* route, int status) {
    using telemetry::Attribute;
    if (route == nullptr) {
      span.rename("unknown");
    } else {
      span.rename(route->method + " " + route->path);
      span.set(Attribute::http_method, route->method);
      span.set(Attribute::http_route, route->path);
    }
    span.set(Attribute::http_status, status);
    if (status >= 500) span.fail("status_" + std::to_string(status));
    span.end();
  }

  /// Only hashes are kept, and they are compared in constant time.
  Result<void> authenticate(http::Request& request) const {
    const auto header = request.header("authorization");
    if (header.empty()) return {};
    if (header.size() < 8 || !ascii_iequals(header.substr(0, 7), "Bearer ")) return wrong_key();
    const auto hash = crypto_.sha256(trim(header.substr(7)));
    if (same(hash, options_.secret_key_hash)) {
      request.principal = Principal::secret;
    } else if (same(hash, options_.publishable_key_hash)) {
      request.principal = Principal::publishable;
    } else {
      return wrong_key();
    }
    return {};
  }

  static Result<void> authorise(const http::Request& request, const http::Route& route) {
    if (route.access == Access::open || request.principal == Principal::secret) return {};
    if (request.principal == Principal::anonymous)
      return fail(ErrorKind::unauthenticated, "key_missing",
                  "This route needs a key: Authorization: Bearer …");
    if (route.access == Access::publishable) return {};
    return fail(ErrorKind::forbidden, "secret_key_required", "This route needs the secret key.");
  }

  static bool same(const Digest& a, const Digest& b) {
    const auto view = [](const Digest& digest) {
      return std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
    };
    return constant_time_equals(view(a), view(b));
  }
  static std::unexpected<Error> wrong_key() {
    return fail(ErrorKind::unauthenticated, "wrong_key", "This key is not known.");
  }

  void measure(const http::Request& request, int status) {
    const auto seconds = std::chrono::duration<double>(clock_.now() - request.received_at).count();
    const auto figures = figures_of(request.route, status);
    figures.requests->add();
    figures.seconds->observe(seconds);
    const auto level = status >= 500 ? telemetry::Level::warning : telemetry::Level::debug;
    if (log_.takes(level)) log_request(level, request, status, seconds);
  }

  void log_request(telemetry::Level level, const http::Request& request, int status,
                   double seconds) {
    const auto* const route = request.route;
    const auto template_path = route == nullptr ? std::string_view("unknown") : route->path;
    std::array<char, 32> digits{};
    const auto written =
        std::to_chars(digits.begin(), digits.end(), seconds, std::chars_format::fixed, 6);
    const std::string_view duration(digits.data(), written.ptr);
    log_.write(level, "request",
               {{"method", route == nullptr ? "any" : request.method},
                {"route", template_path},
                {"status", std::to_string(status)},
                {"seconds", duration},
                {"request_id", request.request_id},
                {"trace_id", telemetry::trace_id_of(request.traceparent)}});
  }

  /// Of one route and one status.
  struct Figures {
    telemetry::Counter* requests = nullptr;
    telemetry::Histogram* seconds = nullptr;
  };
  Figures figures_of(const http::Route* route, int status) {
    const std::lock_guard lock(figures_mutex_);
    auto& figures = figures_[{route, status}];
    if (figures.requests == nullptr) {
      const auto by_route = telemetry::label("route", route == nullptr ? "unknown" : route->path);
      const auto by_all = by_route + "," +
                          telemetry::label("method", route == nullptr ? "any" : route->method) +
                          "," + telemetry::label("status", std::to_string(status));
      figures = {&metrics_.counter_of("stoa_http_requests_total", by_all),
                 &metrics_.histogram_of("stoa_http_request_seconds", by_route)};
    }
    return figures;
  }

  /// The header Stoa-Position; most answers have that of the answer before.
  std::string position_text() {
    const std::lock_guard lock(told_mutex_);
    if (told_text_.empty() || !positions_.stands_at(told_)) {
      told_ = positions_.durable();
      told_text_ = options_.epochs.mark(to_text(told_));
    }
    return told_text_;
  }

  GatewayOptions options_;
  http::Router& router_;
  const Crypto& crypto_;
  const Clock& clock_;
  IdSource& ids_;
  telemetry::Metrics& metrics_;
  telemetry::Log& log_;
  Positions& positions_;
  RateLimiter* limiter_;
  std::string rate_policy_;
  std::atomic<std::size_t> streams_{0};
  std::mutex figures_mutex_;
  std::map<std::pair<const http::Route*, int>, Figures> figures_;
  std::mutex told_mutex_;
  PositionVector told_;
  std::string told_text_;
};

}  // namespace

std::unique_ptr<Gateway> make_gateway(GatewayOptions options, http::Router& router,
                                      const Crypto& crypto, const Clock& clock, IdSource& ids,
                                      telemetry::Metrics& metrics, telemetry::Log& log,
                                      Positions& positions, RateLimiter* limiter) {
  if (options.has_pages) add_pages(router, options, metrics);
  return std::make_unique<TheGateway>(std::move(options), router, crypto, clock, ids, metrics, log,
                                      positions, limiter);
}

}  // namespace stoa
