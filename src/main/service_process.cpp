#include "main/service_process.hpp"

#include <atomic>
#include <cctype>
#include <fstream>
#include <map>
#include <stdexcept>

#include "gateway/gateway.hpp"
#include "kernel/base/text.hpp"
#include "main/event_feed.hpp"
#include "main/http_settings.hpp"
#include "main/process_figures.hpp"
#include "main/read_cache.hpp"
#include "main/redis_settings.hpp"
#include "main/service_modules.hpp"
#include "main/telemetry.hpp"
#include "platform/beast/http_server.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

constexpr std::chrono::milliseconds stop_grace{5'000};

const std::string& required(const Configuration& configuration, const std::string& path) {
  const auto& value = configuration.text(path);
  if (value.empty()) throw std::runtime_error("The setting " + path + " is missing.");
  return value;
}

/// libpq's words for the standby of a service's database; empty: there is none.
std::string read_only_database_of(const std::string& service, const Configuration& configuration) {
  const auto path = database_setting(service) + "ReadOnly";
  if (configuration.text(path).empty()) return {};
  auto conninfo = postgres::conninfo_of(configuration.text(path));
  if (!conninfo) throw std::runtime_error(path + ": " + conninfo.error().detail);
  return std::move(*conninfo);
}

/// Made once for a folder, which one process has at a time.
std::string member_of(const ServiceProcessOptions& options, const Crypto& crypto) {
  const auto file = options.folder.file("member");
  std::string name;
  std::ifstream(file) >> name;
  if (!name.empty()) return name;
  SealingKey random{};
  crypto.random_bytes(random);
  name = options.service + "-" + to_hex(random).substr(0, 16);
  std::ofstream(file) << name << "\n";
  return name;
}

ServiceHost::Options host_options(const ServiceProcessOptions& options, const Crypto& crypto) {
  const auto& configuration = options.configuration;
  return {.service = options.service,
          .member = member_of(options, crypto),
          .database = database_of(options.service, configuration),
          .replica = read_only_database_of(options.service, configuration),
          .replica_lag_max = std::chrono::seconds(configuration.integer("ReadOnly:LagSecondsMax")),
          .kafka = kafka_settings(configuration),
          .partitions = static_cast<int>(configuration.integer("Kafka:Partitions")),
          .replication = static_cast<int>(configuration.integer("Kafka:Replication")),
          .reader_threads = static_cast<int>(configuration.integer("Http:ReaderThreads")),
          .shop_secret = required(configuration, "Auth:ShopSecret")};
}

class Process final : public ServiceProcess {
 public:
  explicit Process(const ServiceProcessOptions& options)
      : log_(clock_, log_level(options.configuration)),
        crypto_(openssl::make_crypto()),
        ids_(make_uuid_v7_source(clock_)),
        telemetry_(options.configuration, clock_, *ids_, metrics_, log_),
        shared_{clock_,
                *crypto_,
                *ids_,
                telemetry_.tracer(),
                metrics_,
                [this](const std::string& what) { log_.write(telemetry::Level::warning, what); }},
        host_(host_options(options, *crypto_), shared_),
        modules_(make_service_modules(
            options.service,
            {host_, shared_, options.configuration, options.folder.path(),
             options.configuration.text("Auth:ShopSecret"), options.keys.secret})) {
    add_loop_figures(metrics_, host_.loop());
    add_event_feed(
        host_.router(), [this](const std::string& service) { return host_.readers_of(service); },
        host_.positions(), host_.news(), host_.epochs());
    limiter_ = make_rate_limiter(options.configuration, redis_settings(options.configuration),
                                 metrics_, shared_.warn);
    auto gateway = gateway_options(options.configuration, options.keys, *crypto_,
                                   options.swagger_folder, telemetry_.tracer());
    gateway.ready = [this] { return ready_.load(); };
    gateway.codecs = make_codecs();
    gateway.background = [this](std::function<void()> work) {
      return host_.in_background(std::move(work));
    };
    gateway.epochs = host_.epochs();
    gateway.knows_all_logs = false;
    gateway.about = "This is one of its services: " + options.service + ".";
    gateway_ = make_gateway(std::move(gateway), host_.router(), *crypto_, clock_, *ids_, metrics_,
                            log_, host_.positions(), limiter_.get());
    server_ = beast::make_http_server(
        http_server_options(options.configuration, options.port),
        [this](std::shared_ptr<http::Request> request, http::Reply reply) {
          gateway_->handle(std::move(request), std::move(reply));
        },
        [this](http::Request& request) { return gateway_->limits(request); });
    telemetry_.start();
    host_.start();
    modules_->start();
    ready_ = true;
    server_->start();
    log_.write(telemetry::Level::information, "The service " + options.service + " is ready.");
  }
  ~Process() override { stop(); }

  [[nodiscard]] std::uint16_t port() const override { return server_->port(); }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    ready_ = false;
    server_->stop(stop_grace);
    modules_->stop_outside();
    host_.stop_writing();
    modules_->stop();
    host_.stop();
    telemetry_.stop();
  }

 private:
  SystemClock clock_;
  telemetry::Log log_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Crypto> crypto_;
  std::unique_ptr<IdSource> ids_;
  Telemetry telemetry_;
  ServiceHost::Parts shared_;
  ServiceHost host_;
  std::unique_ptr<ServiceModules> modules_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<RateLimiter> limiter_;
  std::unique_ptr<beast::HttpServer> server_;
  std::atomic<bool> ready_{false};
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<ServiceProcess> make_service_process(const ServiceProcessOptions& options) {
  return std::make_unique<Process>(options);
}

std::string database_setting(std::string service) {
  service.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(service.front())));
  return "ConnectionStrings:" + service + "Db";
}

postgres::Options database_of(const std::string& service, const Configuration& configuration) {
  const auto path = database_setting(service);
  auto conninfo = postgres::conninfo_of(required(configuration, path));
  if (!conninfo) throw std::runtime_error(path + ": " + conninfo.error().detail);
  return {std::move(*conninfo)};
}

kafka::Settings kafka_settings(const Configuration& configuration) {
  kafka::Settings settings{{"bootstrap.servers", required(configuration, "Kafka:BootstrapServers")},
                           {"security.protocol", configuration.text("Kafka:SecurityProtocol")}};
  const auto add = [&](const char* name, std::string_view path) {
    if (!configuration.text(path).empty()) settings[name] = configuration.text(path);
  };
  add("sasl.mechanism", "Kafka:SaslMechanism");
  add("sasl.username", "Kafka:SaslUserName");
  add("sasl.password", "Kafka:SaslPassword");
  add("ssl.ca.location", "Kafka:CaFile");
  return settings;
}

std::uint16_t default_port_of(const std::string& service) {
  static const std::map<std::string_view, std::uint16_t> ports{
      {gateway_name, 5000}, {"catalog", 5001},      {"ordering", 5002},
      {"payment", 5003},    {"notification", 5004}, {"agents", 5005}};
  const auto found = ports.find(service);
  return found == ports.end() ? std::uint16_t{0} : found->second;
}

}  // namespace stoa
