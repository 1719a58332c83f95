#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "contracts/kafka_server.hpp"
#include "contracts/postgres_server.hpp"
#include "kernel/sql/migrate.hpp"
#include "main/payment_providers.hpp"
#include "main/product_search.hpp"
#include "main/read_cache.hpp"
#include "main/service_host.hpp"
#include "platform/gumbo/sanitise.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"
#include "platform/tzdata/time_zones.hpp"
#include "services/agents/module.hpp"
#include "services/catalog/application/journal.hpp"
#include "services/catalog/module.hpp"
#include "services/ordering/module.hpp"
#include "services/payment/infrastructure/simulator.hpp"
#include "services/payment/module.hpp"
#include "services/shop/module.hpp"

namespace stoa {
namespace {

const std::string secret(64, 'a');

/// The topics of one process: what its own modules publish and what comes from others.
struct Topics {
  Topic<catalog::contracts::Event> catalog;
  Topic<ordering::contracts::Event> ordering;
  Topic<payment::contracts::Event> payment;
  Topic<agents::contracts::Event> agents;
  Topic<shop::contracts::Event> shop;
};

/// A service in what would be a process of its own: nothing but a database, the brokers and HTTP
/// lead in or out.
class Process {
 public:
  Process(const std::string& service, const std::string& database)
      : host_({.service = service,
               .database = {database},
               .kafka = KafkaServer::shared()->settings(),
               .partitions = 3,
               .shop_secret = secret,
               .warn = warn}),
        configuration_(*load_configuration("", {})) {}
  virtual ~Process() = default;

  /// Status and body.
  std::pair<int, std::string> ask(const std::string& method, const std::string& path,
                                  const std::string& body = {}, const std::string& key = {}) {
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = path;
    request->principal = http::Principal::secret;
    request->body = body;
    request->headers = {{"content-type", "application/json"}};
    if (!key.empty()) request->headers.emplace_back("idempotency-key", key);
    auto match = host_.router().match(method, path);
    if (!match) return {404, {}};
    request->params = std::move(match->params);
    std::promise<std::pair<int, std::string>> answer;
    match->route->handler(request, [&](http::Response response) {
      answer.set_value({response.status, std::string(response.body)});
    });
    return answer.get_future().get();
  }

 protected:
  static void warn(const std::string& what) { std::fprintf(stderr, "fleet: %s\n", what.c_str()); }

  TemporaryFolder folder_;
  Topics topics_;
  telemetry::Metrics metrics_;
  SystemClock clock_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<TimeZones> zones_ = tzdata::make_time_zones();
  ServiceHost host_;
  Configuration configuration_;
};

class CatalogProcess final : public Process {
 public:
  explicit CatalogProcess(const std::string& database)
      : Process("catalog", database),
        search_(
            configuration_, folder_.file("search"),
            [database] { return postgres::open({database}, postgres::Database::Mode::reader); },
            *crypto_, [](telemetry::Level, const std::string& what) { warn(what); }),
        cache_(configuration_, clock_, metrics_) {
    auto& shop_context = host_.add(shop::migrations(), shop::published);
    auto& context = host_.add(catalog::catalog_migrations(), [](const RecordedEvent& row) {
      const auto event =
          catalog::published(decode_event<catalog::StoredEvent>(row.type, row.data), row);
      return event ? std::optional(encode_event(*event)) : std::nullopt;
    });
    sql::migrate(*postgres::open({database}, postgres::Database::Mode::writer),
                 catalog::ledger_migrations());
    catalog_ =
        catalog::make_catalog(context, topics_.catalog, topics_.ordering, topics_.shop,
                              gumbo::sanitise, search_.parts(metrics_),
                              {context.store.db, context.store.log}, cache_.reads(make_codecs()));
    shop_ =
        shop::make_shop_service(shop_context, topics_.shop,
                                {[this](const std::string& name) { return zones_->knows(name); },
                                 ordering::number_pattern_fault},
                                {900, 604'800});
    host_.loop().when_idle([this](UnitOfWork& unit) { return catalog_->project_slice(unit); });
    host_.take(topics_.ordering);
    host_.start();
  }
  ~CatalogProcess() override {
    host_.stop();
    search_.stop();
  }

 private:
  ProductSearchHost search_;
  ReadCache cache_;
  std::unique_ptr<shop::ShopService> shop_;
  std::unique_ptr<catalog::Catalog> catalog_;
};

class OrderingProcess final : public Process {
 public:
  explicit OrderingProcess(const std::string& database) : Process("ordering", database) {
    ordering_ = ordering::make_ordering(
        host_.add(ordering::migrations(), ordering::published), topics_.ordering, topics_.catalog,
        topics_.payment, topics_.agents, topics_.shop, *zones_,
        {std::chrono::seconds(2), std::chrono::minutes(5), std::chrono::minutes(15), false},
        {"simulator"});
    host_.take(topics_.catalog);
    host_.take(topics_.payment);
    host_.take(topics_.agents);
    host_.take(topics_.shop);
    host_.start();
  }
  ~OrderingProcess() override { host_.stop(); }

 private:
  std::unique_ptr<ordering::Ordering> ordering_;
};

class PaymentProcess final : public Process {
 public:
  explicit PaymentProcess(const std::string& database) : Process("payment", database) {
    sql::migrate(*simulator_, payment::simulator_migrations());
    simulator_db_ = simulator_->handle("");
    providers_ = make_payment_providers(configuration_, *simulator_db_, *simulator_, clock_,
                                        *crypto_, secret, warn);
    payment_ = payment::make_payment(
        host_.add(payment::migrations(), payment::published), topics_.payment, topics_.ordering,
        providers_->all(), {}, providers_->webhook_sources(), payers_of(*crypto_, secret), warn);
    host_.take(topics_.ordering);
    host_.start();
    providers_->deliver_to(payment_->webhooks());
  }
  ~PaymentProcess() override {
    host_.stop();
    providers_->stop();
  }

 private:
  std::unique_ptr<sqlite::Database> simulator_ =
      sqlite::open(folder_.file("simulator.db"), sqlite::Database::Mode::writer);
  std::unique_ptr<sql::Connection> simulator_db_;
  std::unique_ptr<PaymentProviders> providers_;
  std::unique_ptr<payment::PaymentService> payment_;
};

class AgentsProcess final : public Process {
 public:
  explicit AgentsProcess(const std::string& database) : Process("agents", database) {
    agents_ = agents::make_agents(host_.add(agents::migrations(), agents::published),
                                  topics_.agents, topics_.ordering, {});
    host_.take(topics_.ordering);
    host_.start();
  }
  ~AgentsProcess() override { host_.stop(); }

 private:
  std::unique_ptr<agents::Agents> agents_;
};

template <class Done>
bool until(Done done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!done() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return done();
}

std::string id_in(const std::string& body) {
  const auto at = body.find(R"("id":")") + 6;
  return body.substr(at, body.find('"', at) - at);
}

TEST(Fleet, AnOrder_GoesThroughServicesThatMeetOverTheBrokersAlone) {
  STOA_NEEDS_POSTGRES();
  STOA_NEEDS_KAFKA();
  auto& server = *PostgresServer::shared();
  CatalogProcess catalog(server.fresh_database());
  OrderingProcess ordering(server.fresh_database());
  PaymentProcess payment(server.fresh_database());
  AgentsProcess agents(server.fresh_database());

  EXPECT_EQ(catalog
                .ask("POST", "/v1/products",
                     R"({"title":"Mug","status":"active","variants":[)"
                     R"({"sku":"MUG","prices":[{"amount":1250,"currency":"GBP"}]}]})")
                .first,
            201);
  EXPECT_EQ(catalog
                .ask("POST", "/v1/inventory/MUG/adjustments",
                     R"({"delta":100,"reason":"received"})", "first")
                .first,
            201);
  const std::string body =
      R"({"currency":"GBP","customer":{"email":"ann@example.org"},"lines":[{"sku":"MUG",)"
      R"("quantity":2}],"payment":{"provider":"simulator","token":"tok_ok"}})";
  std::pair<int, std::string> placed;
  EXPECT_TRUE(until([&] {
    placed = ordering.ask("POST", "/v1/orders", body, "order-0");
    return placed.first == 202;
  })) << placed.second;
  std::set<std::string> ids{id_in(placed.second)};
  for (int nth = 1; nth < 20; ++nth) {
    placed = ordering.ask("POST", "/v1/orders", body, "order-" + std::to_string(nth));
    EXPECT_EQ(placed.first, 202) << placed.second;
    ids.insert(id_in(placed.second));
  }
  EXPECT_EQ(ids.size(), 20U);
  for (const auto& id : ids) {
    std::string order;
    EXPECT_TRUE(until([&] {
      order = ordering.ask("GET", "/v1/orders/" + id).second;
      return order.find(R"("status":"confirmed")") != order.npos;
    })) << order;
    EXPECT_NE(order.find(R"("payment_status":"captured")"), order.npos) << order;
  }
  EXPECT_NE(catalog.ask("GET", "/v1/inventory/MUG").second.find(R"("reserved":40)"),
            std::string::npos);
  const auto again = ordering.ask("POST", "/v1/orders", body, "order-7");
  EXPECT_TRUE(ids.contains(id_in(again.second))) << "its key gives the same order";
}

}  // namespace
}  // namespace stoa
