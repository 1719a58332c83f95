#include "simulation/shop.hpp"

#include <deque>

#include "kernel/cache/cache.hpp"
#include "kernel/cache/cache_aside.hpp"
#include "kernel/eventlog/positions.hpp"
#include "kernel/eventlog/stored_log.hpp"
#include "kernel/jobs/job_rows.hpp"
#include "kernel/sql/migrate.hpp"
#include "main/catalog_offers.hpp"
#include "main/notification_part.hpp"
#include "main/order_assessments.hpp"
#include "main/payment_providers.hpp"
#include "platform/gumbo/sanitise.hpp"
#include "platform/sqlite/database.hpp"
#include "services/agents/application/fraud_assessor.hpp"
#include "services/agents/module.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/catalog/module.hpp"
#include "services/notification/module.hpp"
#include "services/ordering/application/translate.hpp"
#include "services/ordering/module.hpp"
#include "services/payment/infrastructure/simulator.hpp"
#include "services/payment/module.hpp"
#include "services/shop/application/shop_settings.hpp"
#include "services/shop/module.hpp"
#include "simulation/bus.hpp"
#include "simulation/loop.hpp"
#include "simulation/ports.hpp"

namespace stoa::simulation {
namespace {

constexpr std::string_view shop_secret = "the secret of the simulated shop";

/// Search is projected off the write path and is no part of this simulation: nothing is live.
class NoIndex final : public search::Index {
 public:
  std::unique_ptr<search::Writer> open_live() override { return nullptr; }
  std::unique_ptr<search::Writer> begin() override { throw search::Failure("not simulated"); }
  std::unique_ptr<search::Writer> adopt(std::unique_ptr<search::Writer> fresh) override {
    return fresh;
  }
  void discard_live() override {}
  [[nodiscard]] bool is_live() const override { return false; }
  [[nodiscard]] search::Answer search(const search::Query&) override { return {}; }
  [[nodiscard]] search::Suggestions suggest(const std::string&, const std::vector<search::Label>&,
                                            int) override {
    return {};
  }
  [[nodiscard]] std::vector<std::string> number_fields(std::string_view) override { return {}; }
  [[nodiscard]] std::int64_t documents() override { return 0; }
};

/// Queries at once, in this thread, on a connection of their own: each sees what is committed.
class SimulatedReaders final : public Readers {
 public:
  SimulatedReaders(World& world, sqlite::Database& database, const std::string& prefix,
                   const Crypto& crypto, int& depth, bool may_be_busy)
      : world_(world),
        database_(database),
        db_(database.handle(prefix)),
        log_(make_stored_log(*db_, prefix, crypto)),
        depth_(depth),
        may_be_busy_(may_be_busy) {}

  bool submit(std::function<void(Store)> query, std::function<void()> failed) override {
    if (may_be_busy_ && world_.happens(world_.faults.reader_busy)) return false;
    const bool is_outermost = depth_++ == 0;
    try {
      if (is_outermost) database_.begin();
      log_->rolled_back();  // a head that it remembers is of another snapshot
      query({*db_, *log_});
    } catch (const std::exception& e) {
      if (!world_.is_dead()) world_.found(std::string("a query failed: ") + e.what());
      failed();
    }
    if (is_outermost) database_.rollback();
    --depth_;
    return true;
  }

 private:
  World& world_;
  sqlite::Database& database_;
  std::unique_ptr<sql::Connection> db_;
  std::unique_ptr<StoredLog> log_;
  int& depth_;
  bool may_be_busy_;
};

struct Part {
  Part(World& world, sqlite::Database& writer, sqlite::Database& reader, const std::string& prefix,
       const Crypto& crypto, std::vector<Participant*>& participants, int& depth)
      : db(writer.handle(prefix)),
        log(make_stored_log(*db, prefix, crypto)),
        readers(world, reader, prefix, crypto, depth, true) {
    participants.push_back(log.get());
  }
  std::unique_ptr<sql::Connection> db;
  std::unique_ptr<StoredLog> log;
  SimulatedReaders readers;
};

class Shop final : public SimulatedShop {
 public:
  explicit Shop(Outside outside)
      : outside_(outside),
        world_(outside.world),
        writer_(sqlite::open(shop_file, sqlite::Database::Mode::writer, Disk::vfs_name)),
        reader_(sqlite::open(shop_file, sqlite::Database::Mode::reader, Disk::vfs_name)),
        bus_db_(writer_->handle("sim_")),
        loop_(world_, *writer_, participants_,
              [this](const std::string& what) {
                // A disk that fails is a fault of the world; all else is a defect.
                world_.trace(what);
                const bool is_of_disk = what.contains("SQLite: disk I/O error") ||
                                        what.contains("SQLite: database or disk is full");
                if (is_of_disk) ++world_.failed_commits;
                if (!world_.is_dead() && !is_of_disk) world_.found(what);
              }),
        bus_(world_, loop_, *bus_db_),
        cache_(make_memory_cache(1 << 20, world_)),
        aside_(*cache_),
        search_readers_(world_, *reader_, "catalog_", outside.crypto, depth_, false),
        order_readers_(world_, *reader_, "ordering_", outside.crypto, depth_, false),
        everything_(reader_->handle("")) {
    compose();
    outside_.disk.watch([this](char what) { return may(what); });
  }
  ~Shop() override {
    outside_.disk.watch({});
    notification_->stop();
  }

  void handle(http::Request request, http::Reply reply) override {
    auto match = router_.match(request.method, request.path);
    if (!match) return reply(http::problem(match.error(), request));
    request.params = std::move(match->params);
    request.received_at = world_.now();
    match->route->handler(std::make_shared<http::Request>(std::move(request)), std::move(reply));
  }

  void webhook(const std::string& signature, const std::string& body,
               std::function<void(bool)> taken) override {
    payment_->webhooks().receive("simulator", signature, body, {},
                                 [taken = std::move(taken)](const Result<void>& done) {
                                   taken(done.has_value() || !done.error().retryable());
                                 });
  }

  bool tick() override { return loop_.tick(); }
  void checkpoint() override {
    world_.step("before a checkpoint");
    writer_->checkpoint();
    world_.step("after a checkpoint");
  }

  [[nodiscard]] std::int64_t written() const override {
    std::int64_t sum = 0;
    for (const auto& part : parts_) sum += part.log->durable_head();
    return sum;
  }

  std::vector<std::string> unfinished() override {
    std::vector<std::string> found;
    const auto look = [&](std::string_view query, const char* what) {
      everything_->query(
          query, [&](const sql::Row& row) { found.push_back(std::string(row.text(0)) + what); });
    };
    look("SELECT id FROM ordering_orders WHERE due_at IS NOT NULL", " waits for its deadline");
    look("SELECT id FROM ordering_orders WHERE process_status = 'running'", " is running");
    look("SELECT key FROM payment_work WHERE parked = 0", " has no answer of the provider");
    look("SELECT id FROM notification_messages WHERE status = 'queued'", " is not sent");
    if (!bus_.is_empty()) found.emplace_back("the bus is not empty");
    return found;
  }
  std::vector<std::string> parked() override {
    std::vector<std::string> found;
    everything_->query("SELECT id FROM ordering_orders WHERE process_status = 'parked'",
                       [&](const sql::Row& row) { found.emplace_back(row.text(0)); });
    return found;
  }
  sql::Connection& everything() override { return *everything_; }
  void check_bus() override { bus_.check(); }

 private:
  bool may(char what) {
    world_.step(what == 's' ? "at a sync of the disk" : "at a write to the disk");
    if (!loop_.is_running() || world_.is_quiet || world_.is_dead()) return true;
    if (world_.faults.disk_fails == 0 ||
        world_.random.between(0, 9'999) >= world_.faults.disk_fails)
      return true;
    return !world_.may(Step::fault);
  }

  ServiceContext& context_of(Part& part) {
    return contexts_.emplace_back(ServiceContext{{*part.db, *part.log},
                                                 loop_,
                                                 part.readers,
                                                 world_,
                                                 outside_.ids,
                                                 outside_.crypto,
                                                 router_,
                                                 tracer_,
                                                 participants_,
                                                 std::string(shop_secret),
                                                 news_});
  }

  Part& part(const std::string& prefix) {
    return parts_.emplace_back(world_, *writer_, *reader_, prefix, outside_.crypto, participants_,
                               depth_);
  }

  void compose() {
    auto& catalog_part = part("catalog_");
    auto& ordering_part = part("ordering_");
    auto& payment_part = part("payment_");
    auto& notification_part = part("notification_");
    auto& agents_part = part("agents_");
    auto& shop_part = part("shop_");
    positions_.add("catalog", *catalog_part.log);
    positions_.add("ordering", *ordering_part.log);
    positions_.add("payment", *payment_part.log);
    participants_.push_back(&positions_);
    participants_.push_back(&news_);
    participants_.push_back(&bus_);
    loop_.every(std::chrono::milliseconds(100), [this](UnitOfWork&) { positions_.expire(); });
    catalog_ = catalog::make_catalog(
        context_of(catalog_part), catalog_topic_, ordering_topic_, shop_topic_, gumbo::sanitise,
        {index_, search_readers_, search_readers_, metrics_,
         [](telemetry::Level, const std::string&) {}},
        {*catalog_part.db, *catalog_part.log}, {aside_, {}, "no-cache"});
    // In the writer's transactions: the ledger's tables stand in the shop's file here.
    loop_.when_idle([this](UnitOfWork& unit) { return catalog_->project_slice(unit); });
    offers_ = make_offer_source(catalog_part.readers);
    assessments_ = make_assessment_source(agents_part.readers, {});
    ordering_ = ordering::make_ordering(
        context_of(ordering_part), ordering_topic_, catalog_topic_, payment_topic_, agents_topic_,
        shop_topic_, *offers_, *assessments_, outside_.zones,
        {std::chrono::seconds(2), std::chrono::minutes(5), std::chrono::minutes(15), false},
        {"simulator"});
    payment::PaymentOptions payment_options;
    payment_options.park_after = std::chrono::seconds(30);  // so that a story sees it
    payment_ = payment::make_payment(context_of(payment_part), payment_topic_, ordering_topic_,
                                     outside_.provider, payment_options,
                                     {{"simulator",
                                       {std::string(payment::simulator_signature_header),
                                        {std::string(Provider::webhook_secret)},
                                        payment::read_simulator_webhook}}},
                                     payers_of(outside_.crypto, std::string(shop_secret)),
                                     [this](const std::string& what) { world_.trace(what); });
    agents_ = agents::make_agents(context_of(agents_part), agents_topic_, ordering_topic_, {});
    shop_ = shop::make_shop_service(
        context_of(shop_part), shop_topic_,
        {[this](const std::string& name) { return outside_.zones.knows(name); },
         ordering::number_pattern_fault},
        {});
    order_source_ = make_order_source(order_readers_, outside_.crypto);
    notification::NotificationOptions options;
    options.make_mail_carrier = outside_.post.mail_carrier();
    if (world_.life() >= static_cast<std::uint64_t>(world_.faults.sms_from_life))
      options.make_sms_carrier = outside_.post.sms_carrier();
    options.run_delivery = [this](std::function<void()> deliver) {
      world_.inside_after(std::chrono::microseconds(world_.random.between(100, 400'000)),
                          std::move(deliver));
    };
    notification_ = notification::make_notification(
        context_of(notification_part), notification_topic_, ordering_topic_, payment_topic_,
        shop_topic_, *order_source_, metrics_, std::move(options));
    carry_topics(*catalog_part.log, *ordering_part.log, *payment_part.log, *agents_part.log);
    bus_.carry("shop", shop_topic_, *shop_part.log, [](const RecordedEvent& row) {
      return shop::translate(decode_event<shop::StoredEvent>(row.type, row.data), row);
    });
  }

  void carry_topics(EventLog& catalog_log, EventLog& ordering_log, EventLog& payment_log,
                    EventLog& agents_log) {
    bus_.carry("catalog", catalog_topic_, catalog_log, [](const RecordedEvent& row) {
      return catalog::published(decode_event<catalog::StoredEvent>(row.type, row.data), row);
    });
    bus_.carry("ordering", ordering_topic_, ordering_log, [](const RecordedEvent& row) {
      return ordering::translate(decode_event<ordering::OrderEvent>(row.type, row.data), row);
    });
    bus_.carry("payment", payment_topic_, payment_log, [](const RecordedEvent& row) {
      return payment::translate(decode_event<payment::PaymentEvent>(row.type, row.data), row);
    });
    bus_.carry("agents", agents_topic_, agents_log, [](const RecordedEvent& row) {
      return agents::translate(decode_event<agents::StoredEvent>(row.type, row.data), row);
    });
  }

  Outside outside_;
  World& world_;
  int depth_ = 0;
  std::unique_ptr<sqlite::Database> writer_, reader_;
  std::unique_ptr<sql::Connection> bus_db_;
  std::vector<Participant*> participants_;
  Loop loop_;
  Bus bus_;
  LocalPositions positions_{world_};
  News news_;
  telemetry::Metrics metrics_;
  telemetry::Tracer tracer_;
  std::unique_ptr<Cache> cache_;
  CacheAside aside_;
  NoIndex index_;
  http::Router router_;
  SimulatedReaders search_readers_, order_readers_;
  std::unique_ptr<sql::Connection> everything_;
  Topic<catalog::contracts::Event> catalog_topic_;
  Topic<ordering::contracts::Event> ordering_topic_;
  Topic<payment::contracts::Event> payment_topic_;
  Topic<notification::contracts::Event> notification_topic_;
  Topic<agents::contracts::Event> agents_topic_;
  Topic<shop::contracts::Event> shop_topic_;
  std::deque<Part> parts_;
  std::deque<ServiceContext> contexts_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<ordering::Ordering> ordering_;
  std::unique_ptr<payment::PaymentService> payment_;
  std::unique_ptr<ordering::OfferSource> offers_;
  std::unique_ptr<ordering::AssessmentSource> assessments_;
  std::unique_ptr<notification::OrderSource> order_source_;
  std::unique_ptr<notification::NotificationService> notification_;
  std::unique_ptr<agents::Agents> agents_;
  std::unique_ptr<shop::ShopService> shop_;
};

void migrate() {
  const auto database = sqlite::open(shop_file, sqlite::Database::Mode::writer, Disk::vfs_name);
  for (const auto& service :
       {catalog::catalog_migrations(), ordering::migrations(), payment::migrations(),
        notification::migrations(), agents::migrations(), shop::migrations()}) {
    const auto log = log_schema(service.prefix);
    sql::migrate(*database, {std::string(service.prefix) + "log", {log}});
    sql::migrate(*database, service);
  }
  sql::migrate(*database, catalog::ledger_migrations());
  sql::migrate(*database, {"sim_", {Bus::schema}});
}

void post(SimulatedShop& shop, World& world, const std::string& path, const std::string& body) {
  int status = 0;
  shop.handle({.method = "POST",
               .path = path,
               .query = {},
               .headers = {{"content-type", "application/json"}, {"idempotency-key", path + body}},
               .body = body,
               .params = {},
               .principal = http::Principal::secret,
               .client_address = {},
               .request_id = {},
               .traceparent = {},
               .received_at = {}},
              [&](const http::Response& response) {
                status = response.status;
                if (status != 201) std::fprintf(stderr, "%s\n", response.body.c_str());
              });
  while (status == 0) world.advance(world.true_now() + std::chrono::milliseconds(10));
  STOA_ASSERT(status == 201);
}

void fill(SimulatedShop& shop, World& world) {
  const std::string annex(annex_of_image);
  post(shop, world, "/v1/locations", R"({"code":")" + annex + R"(","priority":200})");
  for (const auto& [sku, price] : skus_of_image) {
    post(shop, world, "/v1/products",
         R"({"title":")" + sku + R"(","status":"active","variants":[{"sku":")" + sku +
             R"(","prices":[{"amount":)" + std::to_string(price) + R"(,"currency":"GBP"}]}]})");
    const auto receive = [&](const std::string& units, const std::string& location) {
      post(shop, world, "/v1/inventory/" + sku + "/adjustments",
           R"({"delta":)" + units + R"(,"reason":"received","location":")" + location + R"("})");
    };
    receive("8", std::string(catalog::default_location));
    receive("3", annex);
  }
}

}  // namespace

std::unique_ptr<SimulatedShop> make_simulated_shop(Outside outside) {
  return std::make_unique<Shop>(outside);
}

ShopImage make_shop_image(const TimeZones& zones) {
  World world(1);
  Disk disk;
  const auto crypto = make_seeded_crypto(world.random.fork("crypto"));
  SeededIds ids(world, world.random.fork("ids"));
  Provider provider(world, *crypto);
  Post post(world);
  migrate();
  {
    const auto shop = make_simulated_shop({world, disk, provider, post, *crypto, ids, zones});
    fill(*shop, world);
    while (shop->tick()) {
    }
  }
  const auto database = sqlite::open(shop_file, sqlite::Database::Mode::writer, Disk::vfs_name);
  const auto db = database->handle("");
  // In the fleet's schedule too all of this has been seen by everybody.
  for (std::size_t subscriber = 0; subscriber < 8; ++subscriber)
    for (std::size_t part = 0; part < Bus::partitions; ++part)
      db->execute(
          "INSERT INTO sim_checkpoint SELECT 'catalog', ?, ?, position FROM catalog_log_head",
          subscriber, part);
  database->checkpoint();
  ShopImage image{disk.read(shop_file), {}};
  for (const auto& [sku, price] : skus_of_image)
    image.product_ids.push_back(*db->one(
        "SELECT product_id FROM catalog_variant WHERE sku = ?",
        [](const sql::Row& row) { return std::string(row.text(0)); }, sku));
  return image;
}

}  // namespace stoa::simulation
