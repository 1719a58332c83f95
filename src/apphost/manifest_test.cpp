#include "apphost/manifest.hpp"

#include <gtest/gtest.h>

#include "apphost/plan.hpp"

namespace stoa::apphost {
namespace {

const std::vector<std::string> services{"catalog", "ordering", "payment", "notification", "agents"};

std::string fault_of(const std::string& resources) {
  const auto read = read_manifest(R"({"resources": [)" + resources + "]}", services);
  return read ? "" : read.error().detail;
}

TEST(Manifest, BuiltIn_IsGoodAndStartsTheGatewayLast) {
  const auto manifest = read_manifest(default_manifest(), services);
  ASSERT_TRUE(manifest) << manifest.error().detail;
  const auto order = start_order(*manifest);
  ASSERT_TRUE(order);
  EXPECT_EQ(order->size(), 10U);
  EXPECT_EQ(order->back(), "gateway");
  EXPECT_EQ(databases_of(*manifest, "postgres"),
            (std::vector<std::string>{"catalogdb", "orderingdb", "paymentdb", "notificationdb",
                                      "agentsdb"}));
}

TEST(Manifest, MissingEndpoints_AreTheUsualOnes) {
  const auto manifest = read_manifest(
      R"({"resources": [{"name": "rabbitmq", "kind": "rabbitmq",
          "endpoints": [{"name": "management", "port": 9}]}, {"name": "catalog", "kind": "service"}]})",
      services);
  ASSERT_TRUE(manifest);
  const auto& rabbitmq = manifest->resources[0].endpoints;
  ASSERT_EQ(rabbitmq.size(), 2U);
  EXPECT_EQ(rabbitmq[0].name, "tcp") << "the first is what others use";
  EXPECT_EQ(rabbitmq[0].port, 5672);
  EXPECT_EQ(rabbitmq[1].port, 9);
  EXPECT_EQ(manifest->resources[1].endpoints.at(0).port, 5001);
}

TEST(Manifest, SecondServerOfAKind_GetsAnyPort) {
  const auto manifest = read_manifest(
      R"({"resources": [{"name": "one", "kind": "redis"}, {"name": "two", "kind": "redis"}]})",
      services);
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->resources[0].endpoints.at(0).port, 6379);
  EXPECT_EQ(manifest->resources[1].endpoints.at(0).port, 0);
}

TEST(Manifest, Faults_AreNamedByTheirPlace) {
  const auto names = [](const std::string& resources, const std::string& what) {
    const auto fault = fault_of(resources);
    EXPECT_NE(fault.find(what), std::string::npos) << resources << " said: " << fault;
  };
  names(R"({"name": "x", "kind": "mongodb"})", "/resources/0/kind");
  names(R"({"kind": "redis"})", "/resources/0/name");
  names(R"({"name": "Up", "kind": "redis"})", "/resources/0/name");
  names(R"({"name": "../x", "kind": "redis"})", "/resources/0/name");
  names(R"({"name": "a", "kind": "redis", "colour": 1})", "/resources/0/colour");
  names(R"({"name": "a", "kind": "redis"}, {"name": "a", "kind": "kafka"})", "/resources/1/name");
  names(R"({"name": "basket", "kind": "service"})", "/resources/0/name is no service");
  names(R"({"name": "a", "kind": "redis", "references": ["b"]})", "/resources/0/references/0");
  names(R"({"name": "a", "kind": "redis", "wait_for": ["a"]})", "/resources/0/wait_for/0");
  names(R"({"name": "a", "kind": "redis", "replicas": 2})", "/resources/0/replicas");
  names(R"({"name": "gateway", "kind": "service", "replicas": 2})", "/resources/0/replicas");
  names(R"({"name": "a", "kind": "kafka", "replicas": 2})", "/resources/0/replicas is 1 or 3");
  names(R"({"name": "a", "kind": "kafka", "endpoints": [{"name": "tcp-2", "port": 7}]})",
        "/resources/0/endpoints/0/name");
  names(R"({"name": "catalog", "kind": "service", "replicas": 33})", "/resources/0/replicas");
  names(R"({"name": "a", "kind": "executable"})", "/resources/0/command");
  names(R"({"name": "a", "kind": "redis", "command": ["x"]})", "/resources/0/command");
  names(R"({"name": "a", "kind": "redis", "endpoints": [{"name": "amqp", "port": 1}]})",
        "/resources/0/endpoints/0/name");
  names(R"({"name": "a", "kind": "redis", "endpoints": [{"name": "tcp", "port": 70000}]})",
        "/resources/0/endpoints/0/port");
  names(R"({"name": "a", "kind": "redis", "endpoints": [{"name": "tcp", "port": 7}]},
           {"name": "b", "kind": "redis", "endpoints": [{"name": "tcp", "port": 7}]})",
        "/resources/1/endpoints/0/port");
  EXPECT_FALSE(read_manifest("{", services));
  EXPECT_FALSE(read_manifest(R"({"resources": []})", services));
}

}  // namespace
}  // namespace stoa::apphost
