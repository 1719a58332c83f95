#include "main/gateway_process.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <mutex>
#include <stdexcept>

#include "gateway/forwarder.hpp"
#include "gateway/gateway.hpp"
#include "main/demo.hpp"
#include "main/event_feed.hpp"
#include "main/fleet_description.hpp"
#include "main/fleet_events.hpp"
#include "main/fleet_jobs.hpp"
#include "main/http_settings.hpp"
#include "main/read_cache.hpp"
#include "main/redis_settings.hpp"
#include "main/service_directory.hpp"
#include "main/service_modules.hpp"
#include "main/task_queues.hpp"
#include "main/telemetry.hpp"
#include "main/template_previews.hpp"
#include "platform/beast/http_server.hpp"
#include "platform/beast/upstream.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

constexpr std::chrono::milliseconds stop_grace{5'000};

/// Longer than the longest `Prefer: wait`, and than what a service itself allows.
constexpr std::chrono::seconds answer_timeout{65};
/// A longer body passes through piece by piece, and is sent once.
constexpr std::size_t kept_bytes_max = std::size_t{64} << 10;
constexpr http::RouteLimits own_limits{.answer_timeout = answer_timeout};
constexpr http::RouteLimits forwarded_limits{.answer_timeout = answer_timeout,
                                             .whole_body_bytes_max = kept_bytes_max};
constexpr http::RouteLimits import_limits{.body_bytes_max = std::size_t{256} << 20,
                                          .answer_timeout = answer_timeout,
                                          .whole_body_bytes_max = kept_bytes_max};

struct Mount {
  std::string_view prefix;
  std::string_view service;
};
constexpr std::string_view imports = "/v1/imports";
constexpr std::array<Mount, 15> mounts{{{"/v1/products", "catalog"},
                                        {"/v1/categories", "catalog"},
                                        {"/v1/inventory", "catalog"},
                                        {"/v1/locations", "catalog"},
                                        {"/v1/search", "catalog"},
                                        {imports, "catalog"},
                                        {"/v1/exports/products", "catalog"},
                                        {"/v1/exports/orders", "ordering"},
                                        {"/v1/shop", "catalog"},
                                        {"/v1/orders", "ordering"},
                                        {"/v1/processes", "ordering"},
                                        {"/v1/payments", "payment"},
                                        {"/v1/webhooks", "payment"},
                                        {"/v1/notifications", "notification"},
                                        {"/v1/fraud", "agents"}}};

/// No log is written here: services wait for what a client has seen of theirs.
class NoPositions final : public Positions {
 public:
  [[nodiscard]] PositionVector durable() const override { return {}; }
  [[nodiscard]] bool stands_at(const PositionVector& positions) const override {
    return positions.empty();
  }
  void when_reached(PositionVector, std::function<void(bool)> then) override { then(true); }
};

http::Route forwarding_route(const std::string& path, http::Handler handler,
                             const http::RouteLimits& limits) {
  return {.method = "any",
          .path = path,
          .access = http::Access::open,  // the service knows what each of its routes asks for
          .summary = "Passed on",
          .tag = "Forwarded",
          .handler = std::move(handler),
          .limits = limits};
}

/// `catalog=5001,ordering=5002`.
std::vector<std::pair<std::string, std::uint16_t>> endpoints_of(
    const Configuration& configuration) {
  std::vector<std::pair<std::string, std::uint16_t>> endpoints;
  for (const auto& one : configuration.list("Gateway:Endpoints")) {
    const auto equals = std::min(one.find('='), one.size());
    const auto service = one.substr(0, equals);
    std::uint16_t port = 0;
    const auto* const last = one.data() + one.size();
    const auto [end, error] =
        std::from_chars(one.data() + std::min(equals + 1, one.size()), last, port);
    if (std::ranges::find(service_names, service) == service_names.end() || error != std::errc{} ||
        end != last)
      throw std::runtime_error("Gateway:Endpoints must be like catalog=5001,ordering=5002.");
    endpoints.emplace_back(service, port);
  }
  return endpoints;
}

/// What services say of themselves, joined; of one that cannot be asked what it said last.
class Descriptions : public std::enable_shared_from_this<Descriptions> {
 public:
  using Then = std::function<void(std::optional<std::string>)>;
  explicit Descriptions(Forwarder& forwarder) : forwarder_(forwarder) {}

  void ask(std::string own, Then then) { ask_next({std::move(own)}, std::move(then)); }

 private:
  void ask_next(std::vector<std::string> texts, Then then) {
    const auto at = texts.size() - 1;
    if (at == service_names.size()) {
      auto joined = joined_description(texts);
      return then(joined ? std::optional(std::move(*joined)) : std::nullopt);
    }
    forwarder_.ask_whole(service_names[at], {.target = "/openapi.json"},
                         [self = shared_from_this(), at, texts = std::move(texts),
                          then = std::move(then)](const http::UpstreamAnswer& answer) mutable {
                           auto text = self->known(at, answer);
                           if (!text) return then(std::nullopt);
                           texts.push_back(std::move(*text));
                           self->ask_next(std::move(texts), std::move(then));
                         });
  }

  std::optional<std::string> known(std::size_t at, const http::UpstreamAnswer& answer) {
    const std::lock_guard lock(mutex_);
    auto& text = said_[at];
    if (answer && answer->status == 200) text = answer->body;
    return text;
  }

  Forwarder& forwarder_;
  std::mutex mutex_;
  std::array<std::optional<std::string>, service_names.size()> said_;
};

class GatewayProcess final : public ServiceProcess {
 public:
  explicit GatewayProcess(const ServiceProcessOptions& options)
      : log_(clock_, log_level(options.configuration)),
        crypto_(openssl::make_crypto()),
        ids_(make_uuid_v7_source(clock_)),
        telemetry_(options.configuration, clock_, *ids_, metrics_, log_),
        upstream_(beast::make_upstream()),
        forwarder_({*upstream_, clock_, metrics_}),
        caller_(task_caller(options.configuration)) {
    limiter_ = make_rate_limiter(options.configuration, redis_settings(options.configuration),
                                 metrics_, warn());
    for (const auto* service : service_names) forwarder_.add(service);
    directory_ = std::make_unique<ServiceDirectory>(
        options.configuration, ServiceDirectory::Parts{*upstream_, forwarder_, warn()});
    serve_shop(options);
    for (const auto& [service, port] : endpoints_of(options.configuration))
      serve_endpoint(options, service, port);
    telemetry_.start();
    ready_ = true;
    for (auto& face : faces_) face->server->start();
    log_.write(telemetry::Level::information, "The gateway is ready.");
  }
  ~GatewayProcess() override { stop(); }

  [[nodiscard]] std::uint16_t port() const override { return faces_.front()->server->port(); }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    ready_ = false;
    for (auto& face : faces_) face->server->stop(stop_grace);
    if (caller_) caller_->stop();
    directory_->stop();
    telemetry_.stop();
  }

 private:
  /// A port with the chain behind it.
  struct Face {
    http::Router router;
    std::unique_ptr<Gateway> gateway;
    std::unique_ptr<beast::HttpServer> server;
  };

  [[nodiscard]] std::function<void(const std::string&)> warn() {
    return [this](const std::string& what) { log_.write(telemetry::Level::warning, what); };
  }

  GatewayOptions chain_options(const ServiceProcessOptions& options) {
    auto chain = gateway_options(options.configuration, options.keys, *crypto_,
                                 options.swagger_folder, telemetry_.tracer());
    chain.ready = [this] { return ready_.load(); };
    chain.knows_all_logs = false;
    chain.epochs = ServiceEpochs({}, ServiceEpochs::Others::not_judged);
    chain.codecs = make_codecs();
    return chain;
  }

  void serve(std::unique_ptr<Face> face, GatewayOptions chain, beast::HttpServerOptions http) {
    face->gateway = make_gateway(std::move(chain), face->router, *crypto_, clock_, *ids_, metrics_,
                                 log_, positions_, limiter_.get());
    auto& gateway = *face->gateway;
    face->server = beast::make_http_server(
        std::move(http),
        [&gateway](std::shared_ptr<http::Request> request, http::Reply reply) {
          gateway.handle(std::move(request), std::move(reply));
        },
        [&gateway](http::Request& request) { return gateway.limits(request); });
    faces_.push_back(std::move(face));
  }

  /// Gives `service` all at or below `prefix`.
  void mount(Face& face, std::string_view prefix, std::string_view service) {
    const auto path = std::string(prefix) + (prefix == "/" ? "*" : "/*");
    face.router.mount(std::string(prefix),
                      forwarding_route(path, forwarder_.to(std::string(service)),
                                       prefix == imports ? import_limits : forwarded_limits));
  }

  void serve_shop(const ServiceProcessOptions& options) {
    auto face = std::make_unique<Face>();
    for (const auto& [prefix, service] : mounts) mount(*face, prefix, service);
    face->router.mount("/v1/jobs",
                       forwarding_route("/v1/jobs/*", fleet_jobs(forwarder_), own_limits));
    if (caller_)
      add_template_previews(face->router, *caller_, request_timeout(options.configuration), clock_,
                            forwarder_.to("notification"));
    add_fleet_events(face->router, forwarder_);
    add_async_api(face->router, STOA_VERSION);
    add_demo_pictures(face->router);
    auto chain = chain_options(options);
    chain.about = "This is the gateway in front of the services of this shop.";
    chain.description = [router = &face->router,
                         services = std::make_shared<Descriptions>(forwarder_)](const auto& then) {
      services->ask(http::openapi(*router, STOA_VERSION), then);
    };
    serve(std::move(face), std::move(chain),
          http_server_options(options.configuration, options.port));
  }

  /// All that one service serves, its own pages too.
  void serve_endpoint(const ServiceProcessOptions& options, const std::string& service,
                      std::uint16_t port) {
    auto face = std::make_unique<Face>();
    mount(*face, "/", service);
    for (const auto& [prefix, owner] : mounts)
      if (owner == service) mount(*face, prefix, owner);  // which may have limits of their own
    auto chain = chain_options(options);
    chain.endpoint = service;
    chain.has_pages = false;
    auto http = http_server_options(options.configuration, port);
    http.threads = 1;
    serve(std::move(face), std::move(chain), std::move(http));
  }

  SystemClock clock_;
  telemetry::Log log_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Crypto> crypto_;
  std::unique_ptr<IdSource> ids_;
  Telemetry telemetry_;
  NoPositions positions_;
  std::unique_ptr<http::Upstream> upstream_;
  Forwarder forwarder_;
  std::unique_ptr<messaging::TaskCaller> caller_;  ///< null without RabbitMQ
  std::unique_ptr<ServiceDirectory> directory_;
  std::vector<std::unique_ptr<Face>> faces_;
  std::unique_ptr<RateLimiter> limiter_;  // its answers may come on a thread of its own
  std::atomic<bool> ready_{false};
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<ServiceProcess> make_gateway_process(const ServiceProcessOptions& options) {
  return std::make_unique<GatewayProcess>(options);
}

}  // namespace stoa
