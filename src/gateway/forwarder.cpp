#include "gateway/forwarder.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <random>

#include "kernel/base/assert.hpp"
#include "kernel/base/text.hpp"

namespace stoa {
namespace {

using http::UpstreamFault;

/// An answer whose body comes as a stream, until all of it is here.
struct WholeAnswer : std::enable_shared_from_this<WholeAnswer> {
  http::Response answer;
  std::function<void(http::UpstreamAnswer)> then;

  void read() {
    answer.stream->next([self = shared_from_this()](const std::string& piece) {
      auto& body = self->answer.body;
      if (body.size() + piece.size() > Forwarder::answer_bytes_max)
        return self->end(UpstreamFault::broken);
      body += piece;
      if (!piece.empty()) return self->read();
      if (self->answer.stream->is_broken()) return self->end(UpstreamFault::lost);
      self->answer.stream.reset();
      self->then(std::move(self->answer));
    });
  }
  void end(UpstreamFault fault) {
    answer.stream.reset();
    then(std::unexpected(fault));
  }
};

/// The rest of a request's body, which can be sent once: it knows whether any of it was asked for.
class SentOnce final : public http::Stream {
 public:
  explicit SentOnce(std::shared_ptr<http::Stream> stream) : stream_(std::move(stream)) {}
  void next(Take take) override {
    begun_ = true;
    stream_->next(std::move(take));
  }
  [[nodiscard]] std::string_view heartbeat() const override { return {}; }
  [[nodiscard]] bool is_broken() const override { return stream_->is_broken(); }
  [[nodiscard]] bool is_begun() const { return begun_; }

 private:
  std::shared_ptr<http::Stream> stream_;
  std::atomic<bool> begun_{false};
};

std::uint64_t by_chance() {
  thread_local std::mt19937_64 source{std::random_device{}()};
  return source();
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

/// Of the connection to the client alone, or written anew. Names in lower case.
bool is_left_out(std::string_view name) {
  return is_one_of(name, {"connection", "keep-alive", "proxy-connection", "proxy-authorization",
                          "te", "trailer", "transfer-encoding", "upgrade", "expect",
                          "content-length", "x-request-id", "traceparent", "x-forwarded-for",
                          "x-forwarded-proto", "x-forwarded-host", "forwarded"});
}

/// Whether `name` stands in a Connection field of the request.
bool is_named_by_connection(const http::Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key != "connection") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (ascii_iequals(trim(rest.substr(0, comma)), name)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto* const first = text.data();
  const auto* const last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, number);
  return error == std::errc{} && end == last;
}

/// HEAD is asked as GET: the server takes the body away, and knows its length.
http::UpstreamRequest to_upstream(const http::RequestPtr& request) {
  http::UpstreamRequest out;
  out.method = request->method == "HEAD" ? "GET" : request->method;
  out.target = request->path + (request->query.empty() ? "" : "?" + request->query);
  out.headers = forwarded_headers(*request);
  if (!request->body.empty() || is_one_of(request->method, {"POST", "PUT", "PATCH"}))
    out.body = std::shared_ptr<const std::string>(request, &request->body);
  out.stream = request->stream;
  if (std::uint64_t bytes = 0; read_number(request->header("content-length"), bytes))
    out.body_bytes = bytes;
  return out;
}

std::string_view name_of(const http::UpstreamAnswer& answer) {
  if (answer) return "answered";
  switch (answer.error()) {
    case UpstreamFault::unreachable:
      return "unreachable";
    case UpstreamFault::lost:
      return "lost";
    case UpstreamFault::timed_out:
      return "timed_out";
    case UpstreamFault::abandoned:
      return "abandoned";
    case UpstreamFault::broken:
      break;
  }
  return "broken";
}

bool is_safe_to_repeat(const http::UpstreamRequest& request) {
  return is_one_of(request.method, {"GET", "PUT", "DELETE", "OPTIONS"}) ||
         std::ranges::any_of(request.headers, [](const auto& header) {
           return ascii_iequals(header.first, "idempotency-key");
         });
}

/// `12` or `12@3` of `catalog=12@3`.
struct Place {
  std::int64_t position = 0;
  std::int64_t epoch = 0;
};

std::optional<Place> parse_place(std::string_view text) {
  Place place;
  const auto at = std::min(text.find('@'), text.size());
  if (!read_number(text.substr(0, at), place.position)) return std::nullopt;
  if (at < text.size() && !read_number(text.substr(at + 1), place.epoch)) return std::nullopt;
  return place;
}

using Places = std::map<std::string, std::pair<Place, std::string>, std::less<>>;

void take_places(Places& places, std::string_view text) {
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const auto place = parse_place(part.substr(equals + 1));
    if (!place) continue;
    const auto known = places.find(part.substr(0, equals));
    if (known == places.end()) {
      places.emplace(part.substr(0, equals), std::pair(*place, part.substr(equals + 1)));
    } else if (known->second.first.epoch != place->epoch ||
               known->second.first.position < place->position) {
      known->second = {*place, std::string(part.substr(equals + 1))};
    }
  }
}

/// Beside those of this answer the client has seen those that it sent.
void join_position(http::Response& response, const http::Request& request) {
  const auto sent = request.header("stoa-position");
  if (sent.empty()) return;
  for (auto& [name, value] : response.headers)
    if (ascii_iequals(name, "Stoa-Position")) value = joined_positions(sent, value);
}

}  // namespace

std::string joined_positions(std::string_view earlier, std::string_view later) {
  Places places;
  take_places(places, earlier);
  take_places(places, later);
  std::string text;
  for (const auto& [service, place] : places)
    text.append(text.empty() ? "" : ",").append(service).append("=").append(place.second);
  return text;
}

std::vector<std::pair<std::string, std::string>> forwarded_headers(const http::Request& request) {
  std::vector<std::pair<std::string, std::string>> headers;
  headers.reserve(request.headers.size() + 5);
  const bool has_connection = !request.header("connection").empty();
  for (const auto& [name, value] : request.headers)
    if (!is_left_out(name) && !(has_connection && is_named_by_connection(request, name)))
      headers.emplace_back(name, value);
  const auto before = request.header("x-forwarded-for");
  headers.emplace_back("x-forwarded-for",
                       (before.empty() ? "" : std::string(before) + ", ") + request.client_address);
  headers.emplace_back("x-forwarded-proto", "http");
  if (const auto host = request.header("host"); !host.empty())
    headers.emplace_back("x-forwarded-host", host);
  headers.emplace_back("x-request-id", request.request_id);
  headers.emplace_back("traceparent", request.traceparent);
  return headers;
}

std::vector<std::pair<std::string, std::string>> headers_for_all(const http::Request& request) {
  auto headers = forwarded_headers(request);
  std::erase_if(headers, [](const auto& one) {
    return is_one_of(one.first, {"last-event-id", "if-none-match", "accept-encoding"});
  });
  return headers;
}

http::Response no_answer(UpstreamFault fault, const std::string& service,
                         const http::Request& request) {
  const auto told = [&](ErrorKind kind, const char* code, const char* what) {
    return Error{kind, code, "The service " + service + what};
  };
  switch (fault) {
    case UpstreamFault::unreachable:
      return http::problem(told(ErrorKind::unavailable, "service_unavailable",
                                " cannot be reached now: try again shortly."),
                           request);
    case UpstreamFault::timed_out:
      return http::problem(told(ErrorKind::timeout, "answer_late",
                                " has not answered in time. The request may have had its effect."),
                           request, 504, "Gateway timeout");
    case UpstreamFault::abandoned:  // of which its client was told already, where there is one
      return http::problem(
          {ErrorKind::malformed, "malformed_request", "The body of the request broke off."},
          request);
    case UpstreamFault::lost:
    case UpstreamFault::broken:
      break;
  }
  return http::problem(told(ErrorKind::unavailable, "answer_lost",
                            " was lost before its answer came. The request may have had its "
                            "effect: with the same Idempotency-Key it can be sent again."),
                       request, 502, "Bad gateway");
}

/// One request of a client, over all tries.
struct Forwarder::Attempt {
  Service& service;
  http::UpstreamRequest request;
  std::function<void(http::UpstreamAnswer)> then;
  std::shared_ptr<const SentOnce> body;  ///< shared with the request; null: it can be sent again
  bool repeatable = false;
  int tries = 0;
  Instances::InstancePtr instance;  ///< of the last try
};

void Forwarder::add(const std::string& name) {
  auto made = std::make_unique<Service>();
  made->name = name;
  const auto label = telemetry::label("service", name);
  made->repeats = &parts_.metrics.counter_of("stoa_upstream_repeats_total", label);
  for (const std::string_view outcome :
       {"answered", "unreachable", "lost", "timed_out", "broken", "abandoned"})
    made->outcomes[outcome] = &parts_.metrics.counter_of(
        "stoa_upstream_requests_total", label + "," + telemetry::label("outcome", outcome));
  parts_.metrics.gauge(
      "stoa_upstream_instances_well",
      [at = made.get()] { return static_cast<double>(at->instances.well()); }, label);
  services_.emplace(name, std::move(made));
}

Forwarder::Service& Forwarder::service(std::string_view name) {
  const auto at = services_.find(name);
  STOA_ASSERT(at != services_.end());
  return *at->second;
}

Instances& Forwarder::instances(std::string_view name) { return service(name).instances; }

void Forwarder::ask(std::string_view name, http::UpstreamRequest request,
                    std::function<void(http::UpstreamAnswer)> then) {
  auto& asked = service(name);
  const bool repeatable = is_safe_to_repeat(request);
  std::shared_ptr<SentOnce> body;
  if (request.stream) request.stream = body = std::make_shared<SentOnce>(request.stream);
  asked.budget.count();
  begin(std::make_shared<Attempt>(asked, std::move(request), std::move(then), std::move(body),
                                  repeatable));
}

void Forwarder::ask_whole(std::string_view name, http::UpstreamRequest request,
                          std::function<void(http::UpstreamAnswer)> then) {
  ask(name, std::move(request), [then = std::move(then)](http::UpstreamAnswer answer) {
    if (!answer || !answer->stream) return then(std::move(answer));
    auto whole = std::make_shared<WholeAnswer>();
    whole->answer = std::move(*answer);
    whole->then = then;
    whole->read();
  });
}

void Forwarder::begin(const std::shared_ptr<Attempt>& attempt) {
  auto& instances = attempt->service.instances;
  attempt->instance = instances.pick(by_chance(), parts_.clock.now(), attempt->instance);
  if (!attempt->instance) return attempt->then(std::unexpected(UpstreamFault::unreachable));
  ++attempt->tries;
  parts_.upstream.send(
      attempt->instance->origin(), attempt->request,
      [this, attempt](http::UpstreamAnswer answer) { end(attempt, std::move(answer)); });
}

bool Forwarder::may_repeat(const Attempt& attempt, UpstreamFault fault) {
  if (attempt.tries >= tries_max || (attempt.body && attempt.body->is_begun())) return false;
  if (fault == UpstreamFault::unreachable) return true;
  return fault == UpstreamFault::lost && attempt.repeatable;
}

void Forwarder::end(const std::shared_ptr<Attempt>& attempt, http::UpstreamAnswer answer) {
  auto& asked = attempt->service;
  const bool is_to_blame = !answer && answer.error() != UpstreamFault::abandoned;
  asked.instances.ended(attempt->instance, !is_to_blame, parts_.clock.now());
  asked.outcomes.at(name_of(answer))->add();
  if (!answer && may_repeat(*attempt, answer.error()) && asked.budget.take()) {
    asked.repeats->add();
    attempt->request.on_fresh_connection = true;
    return begin(attempt);
  }
  attempt->then(std::move(answer));
}

http::Handler Forwarder::to(const std::string& name) {
  auto& asked = service(name);
  return [this, &asked](const http::RequestPtr& request, const http::Reply& reply) {
    ask(asked.name, to_upstream(request), [&asked, request, reply](http::UpstreamAnswer answer) {
      if (!answer) return reply(no_answer(answer.error(), asked.name, *request));
      join_position(*answer, *request);
      reply(std::move(*answer));
    });
  };
}

}  // namespace stoa
