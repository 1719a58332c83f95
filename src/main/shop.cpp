#include "main/shop.hpp"

#include <atomic>
#include <deque>
#include <map>

#include "gateway/gateway.hpp"
#include "kernel/base/text.hpp"
#include "kernel/eventlog/positions.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "kernel/jobs/job_rows.hpp"
#include "kernel/mediator/reader_pool.hpp"
#include "kernel/mediator/write_loop.hpp"
#include "kernel/sql/migrate.hpp"
#include "main/audit.hpp"
#include "main/audit_chain.hpp"
#include "main/backup_routes.hpp"
#include "main/business_figures.hpp"
#include "main/catalog_offers.hpp"
#include "main/demo.hpp"
#include "main/doctor.hpp"
#include "main/event_feed.hpp"
#include "main/http_settings.hpp"
#include "main/log_epochs.hpp"
#include "main/notification_part.hpp"
#include "main/order_assessments.hpp"
#include "main/payment_providers.hpp"
#include "main/process_figures.hpp"
#include "main/product_search.hpp"
#include "main/read_cache.hpp"
#include "main/redis_settings.hpp"
#include "main/shop_jobs.hpp"
#include "main/stock_ledger.hpp"
#include "main/telemetry.hpp"
#include "platform/beast/http_server.hpp"
#include "platform/gumbo/sanitise.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/beside.hpp"
#include "platform/sqlite/checkpointer.hpp"
#include "platform/sqlite/database.hpp"
#include "platform/tzdata/time_zones.hpp"
#include "services/agents/module.hpp"
#include "services/catalog/module.hpp"
#include "services/ordering/module.hpp"
#include "services/payment/infrastructure/simulator.hpp"
#include "services/payment/module.hpp"
#include "services/shop/module.hpp"

namespace stoa {
namespace {

constexpr std::chrono::milliseconds stop_grace{5'000};
constexpr std::chrono::hours audit_timeout{1};  ///< it reads all events: 30,000 a second, about

void migrate_all(sqlite::Database& shop, sqlite::Database& simulator) {
  const auto all = shop.handle("");
  all->run_script(
      "CREATE TABLE IF NOT EXISTS host_settings(name TEXT PRIMARY KEY, value TEXT NOT NULL)"
      " WITHOUT ROWID");
  all->run_script(log_epochs_schema());
  for (const auto& service :
       {catalog::catalog_migrations(), ordering::migrations(), payment::migrations(),
        notification::migrations(), agents::migrations(), shop::migrations()}) {
    const auto log = log_schema(service.prefix);
    const auto log_name = std::string(service.prefix) + "log";
    sql::migrate(shop, {log_name, {log}});
    sql::migrate(shop, service);
  }
  sql::migrate(shop, jobs::migrations());
  sql::migrate(simulator, payment::simulator_migrations());
}

/// Made once for a shop; tokens and fingerprints come from it.
std::string shop_secret(sqlite::Database& database, const Crypto& crypto) {
  const auto db = database.handle("host_");
  SealingKey fresh{};
  crypto.random_bytes(fresh);
  db->execute("INSERT INTO host_settings VALUES('shop_secret', ?) ON CONFLICT DO NOTHING",
              to_hex(fresh));
  return *db->one("SELECT value FROM host_settings WHERE name = 'shop_secret'",
                  [](const sql::Row& row) { return std::string(row.text(0)); });
}

/// A service's share of the one file.
struct Part {
  Part(sqlite::Database& database, ReaderPool& pool, const std::string& prefix,
       const Crypto& crypto, std::vector<Participant*>& participants)
      : db(database.handle(prefix)),
        log(make_stored_log(*db, prefix, crypto)),
        readers(pool.of(prefix)) {
    participants.push_back(log.get());
  }
  std::unique_ptr<sql::Connection> db;
  std::unique_ptr<StoredLog> log;
  std::unique_ptr<Readers> readers;
};

class EmbeddedShop final : public Shop {
 public:
  explicit EmbeddedShop(const ShopOptions& options)
      : log_(clock_, log_level(options.configuration)),
        crypto_(openssl::make_crypto()),
        ids_(make_uuid_v7_source(clock_)),
        telemetry_(options.configuration, clock_, *ids_, metrics_, log_),
        database_(sqlite::open(options.folder.file("shop.db"), sqlite::Database::Mode::writer)),
        ledger_(sqlite::open(options.folder.file("simulator.db"), sqlite::Database::Mode::writer)),
        read_cache_(options.configuration, clock_, metrics_) {
    migrate_all(*database_, *ledger_);
    epochs_ = read_log_epochs(*database_);
    const auto secret = shop_secret(*database_, *crypto_);
    const auto report = [this](const std::string& what) {
      log_.write(telemetry::Level::error, what);
    };
    stock_ledger_ =
        std::make_unique<StockLedgerHost>(options.folder.file(stock_ledger_file),
                                          options.folder.file("shop.db"), clock_, *crypto_, report);
    pool_ = make_reader_pool(
        [shop = options.folder.file("shop.db"), stock = options.folder.file(stock_ledger_file)] {
          return sqlite::open_with(shop, stock);
        },
        static_cast<int>(options.configuration.integer("Http:ReaderThreads")), *crypto_, report);
    search_ = std::make_unique<ProductSearchHost>(
        options.configuration, options.folder.file("search"),
        [shop = options.folder.file("shop.db")] {
          return sqlite::open(shop, sqlite::Database::Mode::reader);
        },
        *crypto_,
        [this](telemetry::Level level, const std::string& what) { log_.write(level, what); });
    loop_ = make_write_loop(*database_, clock_, participants_, report,
                            {.tracer = &telemetry_.tracer()});
    ledger_db_ = ledger_->handle("");
    providers_ = make_payment_providers(
        options.configuration, *ledger_db_, *ledger_, clock_, *crypto_, secret,
        [this](const std::string& what) { log_.write(telemetry::Level::warning, what); });
    compose(options.configuration, secret);
    add_audit(options.folder.file("simulator.db"));
    add_jobs(options, report);
    add_diagnostics(router_, *whole_shop_, options.folder.path(), options.configuration, clock_,
                    *loop_);
    backup_routes_ =
        std::make_unique<BackupRoutes>(router_, options.folder.path(), *ids_, *crypto_, report);
    add_demo_pictures(router_);
    add_async_api(router_, STOA_VERSION);
    add_figures();
    serve(options);
    log_.write(telemetry::Level::information, "The shop is ready.");
  }
  ~EmbeddedShop() override { stop(); }

  [[nodiscard]] std::uint16_t port() const override { return server_->port(); }

  /// In the reverse order of the start; each step lets what is in flight finish.
  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    ready_ = false;
    server_->stop(stop_grace);
    notification_->stop();
    jobs_->stop();
    loop_->stop();
    catalog_->stop_search();
    stock_ledger_->stop();
    search_->stop();
    providers_->stop();
    backup_routes_->stop();
    pool_->stop();
    checkpointers_.clear();
    log_.write(telemetry::Level::information, "The shop has stopped.");
    telemetry_.stop();
  }

 private:
  ServiceContext& context_of(Part& part, const std::string& secret) {
    return contexts_.emplace_back(ServiceContext{{*part.db, *part.log},
                                                 *loop_,
                                                 *part.readers,
                                                 clock_,
                                                 *ids_,
                                                 *crypto_,
                                                 router_,
                                                 telemetry_.tracer(),
                                                 participants_,
                                                 secret,
                                                 news_});
  }

  void compose(const Configuration& configuration, const std::string& secret) {
    const auto part = [&](const std::string& prefix) {
      return std::make_unique<Part>(*database_, *pool_, prefix, *crypto_, participants_);
    };
    catalog_part_ = part("catalog_");
    ordering_part_ = part("ordering_");
    payment_part_ = part("payment_");
    notification_part_ = part("notification_");
    agents_part_ = part("agents_");
    shop_part_ = part("shop_");
    positions_.add("catalog", *catalog_part_->log);
    positions_.add("ordering", *ordering_part_->log);
    positions_.add("payment", *payment_part_->log);
    positions_.add("notification", *notification_part_->log);
    positions_.add("agents", *agents_part_->log);
    positions_.add("shop", *shop_part_->log);
    participants_.push_back(&positions_);
    participants_.push_back(&news_);
    loop_->every(std::chrono::milliseconds(100), [this](UnitOfWork&) { positions_.expire(); });
    const auto seconds = [&](std::string_view path) {
      return std::chrono::seconds(configuration.integer(path));
    };
    auto& context = context_of(*catalog_part_, secret);
    catalog_ = catalog::make_catalog(context, catalog_topic_, ordering_topic_, shop_topic_,
                                     gumbo::sanitise, search_->parts(metrics_),
                                     stock_ledger_->store(), read_cache_.reads(make_codecs()));
    offers_ = make_offer_source(*catalog_part_->readers);
    const agents::FraudOptions fraud{configuration.integer("Fraud:RejectAt")};
    assessments_ = make_assessment_source(*agents_part_->readers, fraud);
    auto& ordering_context = context_of(*ordering_part_, secret);
    ordering_ = ordering::make_ordering(
        ordering_context, ordering_topic_, catalog_topic_, payment_topic_, agents_topic_,
        shop_topic_, *offers_, *assessments_, *zones_,
        {std::chrono::milliseconds(configuration.integer("Fraud:DeadlineMs")),
         seconds("Ordering:PaymentDeadlineSeconds"),
         seconds("Ordering:AuthorisationDeadlineSeconds"),
         configuration.text("Fraud:Default") == "reject"},
        accepted_providers(configuration));
    auto& payment_context = context_of(*payment_part_, secret);
    payment::PaymentOptions payment_options;
    payment_options.provider_timeout =
        std::chrono::milliseconds(configuration.integer("Payment:ProviderTimeoutMs"));
    payment_ = payment::make_payment(
        payment_context, payment_topic_, ordering_topic_, providers_->all(), payment_options,
        providers_->webhook_sources(), payers_of(*crypto_, secret),
        [this](const std::string& what) { log_.write(telemetry::Level::warning, what); });
    add_payment_figures(metrics_, *payment_);
    auto& agents_context = context_of(*agents_part_, secret);
    agents_ = agents::make_agents(agents_context, agents_topic_, ordering_topic_, fraud);
    auto& shop_context = context_of(*shop_part_, secret);
    shop_ =
        shop::make_shop_service(shop_context, shop_topic_,
                                {[this](const std::string& name) { return zones_->knows(name); },
                                 ordering::number_pattern_fault},
                                {configuration.integer("Ordering:PaymentDeadlineSeconds"),
                                 configuration.integer("Ordering:AuthorisationDeadlineSeconds")});
    order_source_ = make_order_source(*ordering_part_->readers, *crypto_);
    notification_ = notification::make_notification(
        context_of(*notification_part_, secret), notification_topic_, ordering_topic_,
        payment_topic_, shop_topic_, *order_source_, metrics_, notification_options(configuration));
    add_event_feed(
        router_, [this](const std::string& service) { return part_of(service).readers.get(); },
        positions_, news_, epochs_);
  }

  Part& part_of(const std::string& service) {
    const std::map<std::string_view, Part*> parts{
        {"catalog", catalog_part_.get()}, {"ordering", ordering_part_.get()},
        {"payment", payment_part_.get()}, {"notification", notification_part_.get()},
        {"agents", agents_part_.get()},   {"shop", shop_part_.get()}};
    return *parts.at(service);
  }

  void add_audit(const std::string& ledger_file) {
    whole_shop_ = pool_->of("");
    router_.add(
        {.method = "GET",
         .path = "/v1/audit",
         .summary = "Prove from the logs that money and stock add up",
         .tag = "Operations",
         .handler =
             [this, ledger_file](const http::RequestPtr& request, const http::Reply& reply) {
               const auto prove = [this, ledger_file](Store store) {
                 const auto ledger = sqlite::open(ledger_file, sqlite::Database::Mode::reader);
                 const auto report = audit(store.db, *ledger->handle(""), *crypto_);
                 return http::json_response(200, json::to_json(report));
               };
               http::answer_from_store(*whole_shop_, request, reply, prove);
             },
         .answer = http::schema_of<AuditReport>(),
         .limits = {.answer_timeout = audit_timeout}});
    router_.add(
        {.method = "GET",
         .path = "/v1/audit/chain",
         .access = http::Access::secret,
         .summary = "Compute the hash chain of every log anew",
         .tag = "Operations",
         .handler =
             [this](const http::RequestPtr& request, const http::Reply& reply) {
               http::Query query(*request);
               auto kept = parse_heads(query.text("kept").value_or(""));
               if (!kept)
                 query.error("kept", "wrong_heads", "Must be heads as `stoa audit` sends.");
               if (const auto good = query.finish(); !good)
                 return reply(http::problem(good.error(), *request));
               const auto walk = [this, heads = std::move(*kept)](Store store) {
                 return http::json_response(200,
                                            json::to_json(audit_chain(store.db, *crypto_, heads)));
               };
               http::answer_from_store(*whole_shop_, request, reply, walk);
             },
         .answer = http::schema_of<ChainAudit>(),
         .query = {{"kept", "Heads kept earlier, `service@epoch:position:hash`, with commas"}},
         .limits = {.answer_timeout = audit_timeout}});
  }

  void add_jobs(const ShopOptions& options, const std::function<void(const std::string&)>& report) {
    jobs_db_ = database_->handle("jobs_");
    jobs_readers_ = pool_->of("jobs_");
    const auto events = add_event_export(router_, *whole_shop_, *crypto_, epochs_);
    job_files_ = make_shop_files(options.folder.path());
    jobs_ = compose_jobs({*jobs_db_, *loop_, *jobs_readers_, *job_files_, clock_, *ids_, *crypto_,
                          router_, metrics_, report, &telemetry_.tracer()},
                         *catalog_, *ordering_, events, epochs_, options.configuration);
  }

  void add_figures() {
    add_loop_figures(metrics_, *loop_);
    metrics_.counter("stoa_statements_total",
                     [this] { return static_cast<double>(database_->statements()); });
    add_business_figures(metrics_, clock_, ordering_topic_, payment_topic_);
    for (const auto& [service, part] :
         {std::pair("catalog", catalog_part_.get()), std::pair("ordering", ordering_part_.get()),
          std::pair("payment", payment_part_.get()),
          std::pair("notification", notification_part_.get()),
          std::pair("agents", agents_part_.get()), std::pair("shop", shop_part_.get())})
      log_heads_.add(metrics_, service, *part->log);
    loop_->every(std::chrono::seconds(1), [this](UnitOfWork& unit) { log_heads_.read(unit); });
  }

  void serve(const ShopOptions& options) {
    limiter_ = make_rate_limiter(options.configuration, std::nullopt, metrics_, {});
    auto gateway = gateway_options(options.configuration, options.keys, *crypto_,
                                   options.swagger_folder, telemetry_.tracer());
    gateway.ready = [this] { return ready_.load(); };
    gateway.epochs = epochs_;
    gateway.codecs = make_codecs();
    gateway.background = [this](std::function<void()> work) {
      return whole_shop_->submit([work = std::move(work)](Store) { work(); }, [] {});
    };
    gateway_ = make_gateway(std::move(gateway), router_, *crypto_, clock_, *ids_, metrics_, log_,
                            positions_, limiter_.get());
    server_ = beast::make_http_server(
        http_server_options(options.configuration, options.port),
        [this](std::shared_ptr<http::Request> request, http::Reply reply) {
          gateway_->handle(std::move(request), std::move(reply));
        },
        [this](http::Request& request) { return gateway_->limits(request); });
    add_process_figures(metrics_, options.folder.file("shop.db"),
                        [this] { return server_->connections(); });
    for (const auto& [file, writer] :
         {std::pair("shop.db", database_.get()), std::pair("simulator.db", ledger_.get())})
      checkpointers_.push_back(sqlite::make_checkpointer(options.folder.file(file), *writer));
    catalog_->start_search();
    stock_ledger_->start(*catalog_);
    telemetry_.start();
    loop_->start();
    providers_->deliver_to(payment_->webhooks());
    jobs_->start();
    ready_ = true;
    server_->start();
  }

  SystemClock clock_;
  telemetry::Log log_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Crypto> crypto_;
  std::unique_ptr<IdSource> ids_;
  Telemetry telemetry_;
  std::unique_ptr<sqlite::Database> database_;
  std::unique_ptr<sqlite::Database> ledger_;
  std::unique_ptr<sql::Connection> ledger_db_;
  LocalPositions positions_{clock_};
  News news_;
  ServiceEpochs epochs_;
  ReadCache read_cache_;
  std::vector<Participant*> participants_;
  std::unique_ptr<ReaderPool> pool_;
  std::unique_ptr<StockLedgerHost> stock_ledger_;
  std::unique_ptr<ProductSearchHost> search_;
  std::unique_ptr<WriteLoop> loop_;
  std::unique_ptr<PaymentProviders> providers_;
  http::Router router_;
  Topic<catalog::contracts::Event> catalog_topic_;
  Topic<ordering::contracts::Event> ordering_topic_;
  Topic<payment::contracts::Event> payment_topic_;
  Topic<notification::contracts::Event> notification_topic_;
  Topic<agents::contracts::Event> agents_topic_;
  Topic<shop::contracts::Event> shop_topic_;
  std::unique_ptr<TimeZones> zones_ = tzdata::make_time_zones();
  std::unique_ptr<Part> catalog_part_, ordering_part_, payment_part_, notification_part_,
      agents_part_, shop_part_;
  std::unique_ptr<Readers> whole_shop_;
  LogHeads log_heads_;
  std::deque<ServiceContext> contexts_;  // stay where they are: modules refer to them
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<ordering::OfferSource> offers_;
  std::unique_ptr<ordering::AssessmentSource> assessments_;
  std::unique_ptr<ordering::Ordering> ordering_;
  std::unique_ptr<payment::PaymentService> payment_;
  std::unique_ptr<notification::OrderSource> order_source_;
  std::unique_ptr<notification::NotificationService> notification_;
  std::unique_ptr<agents::Agents> agents_;
  std::unique_ptr<shop::ShopService> shop_;
  std::unique_ptr<sql::Connection> jobs_db_;
  std::unique_ptr<Readers> jobs_readers_;
  std::unique_ptr<jobs::JobFiles> job_files_;
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<BackupRoutes> backup_routes_;
  std::unique_ptr<RateLimiter> limiter_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<beast::HttpServer> server_;
  std::vector<std::unique_ptr<sqlite::Checkpointer>> checkpointers_;
  std::atomic<bool> ready_{false};
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Shop> make_shop(const ShopOptions& options) {
  return std::make_unique<EmbeddedShop>(options);
}

void migrate_shop(DataFolder& folder) {
  const auto shop = sqlite::open(folder.file("shop.db"), sqlite::Database::Mode::writer);
  const auto simulator = sqlite::open(folder.file("simulator.db"), sqlite::Database::Mode::writer);
  migrate_all(*shop, *simulator);
}

}  // namespace stoa
