#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "contracts/kafka_server.hpp"
#include "contracts/postgres_server.hpp"
#include "main/service_modules.hpp"
#include "platform/openssl/crypto.hpp"

namespace stoa {
namespace {

const std::string secret(64, 'a');

/// A service in what would be a process of its own: nothing but a database, the brokers and HTTP
/// lead in or out.
class Process {
 public:
  explicit Process(const std::string& service)
      : host_({.service = service,
               .member = "",
               .database = {PostgresServer::shared()->fresh_database()},
               .kafka = KafkaServer::shared()->settings(),
               .partitions = 3,
               .shop_secret = secret},
              shared_),
        modules_(make_service_modules(
            service, {host_, shared_, configuration_, folder_.file(""), secret, ""})) {
    host_.start();
    modules_->start();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    host_.stop_writing();
    modules_->stop();
    host_.stop();
  }

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

 private:
  TemporaryFolder folder_;
  telemetry::Metrics metrics_;
  SystemClock clock_;
  std::unique_ptr<Crypto> crypto_ = openssl::make_crypto();
  std::unique_ptr<IdSource> ids_ = make_uuid_v7_source(clock_);
  telemetry::Tracer tracer_;
  Configuration configuration_ = *load_configuration("", {});
  ServiceHost::Parts shared_{
      clock_,   *crypto_,
      *ids_,    tracer_,
      metrics_, [](const std::string& what) { std::fprintf(stderr, "fleet: %s\n", what.c_str()); }};
  ServiceHost host_;
  std::unique_ptr<ServiceModules> modules_;
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
  Process catalog("catalog");
  Process ordering("ordering");
  Process payment("payment");
  Process agents("agents");

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
