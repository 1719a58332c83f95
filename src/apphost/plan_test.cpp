#include "apphost/plan.hpp"

#include <gtest/gtest.h>

namespace stoa::apphost {
namespace {

Manifest manifest_of(const std::string& resources) {
  auto manifest = read_manifest(R"({"resources": [)" + resources + "]}",
                                {"catalog", "ordering", "notification"});
  EXPECT_TRUE(manifest) << manifest.error().detail;
  return manifest ? *manifest : Manifest{};
}

const std::string fleet = R"(
  {"name": "gateway", "kind": "service", "references": ["catalog", "ordering", "notification"]},
  {"name": "notification", "kind": "service", "references": ["postgres", "ordering"]},
  {"name": "ordering", "kind": "service", "references": ["postgres", "kafka", "redis", "rabbitmq"],
   "environment": {"STOA__Logging__Level": "debug", "STOA__Http__Address": "::1"}},
  {"name": "catalog", "kind": "service", "references": ["postgres"]},
  {"name": "postgres", "kind": "postgres"}, {"name": "kafka", "kind": "kafka"},
  {"name": "redis", "kind": "redis"}, {"name": "rabbitmq", "kind": "rabbitmq"})";

Addresses addresses() {
  return {.ports = {{"gateway", {{"http", 5000}}},
                    {"catalog", {{"http", 5001}}},
                    {"ordering", {{"http", 5002}}},
                    {"notification", {{"http", 5004}}},
                    {"postgres", {{"tcp", 5432}}},
                    {"kafka", {{"tcp", 9092}}},
                    {"redis", {{"tcp", 6379}}},
                    {"rabbitmq", {{"tcp", 5672}, {"management", 15672}}}},
          .replicas = {{"catalog", {"http://127.0.0.1:1"}},
                       {"ordering", {"http://127.0.0.1:2", "http://127.0.0.1:3"}},
                       {"notification", {"http://127.0.0.1:4"}}},
          .external = {},
          .services_file = "/data/services.json"};
}

const Credentials credentials{"sk_1", "pk_1", "5e", "postgres-secret", "rabbit-secret"};

TEST(StartOrder, EverythingStandsBehindWhatItNeeds_ElseAsInTheManifest) {
  const auto order = start_order(manifest_of(fleet));
  ASSERT_TRUE(order);
  EXPECT_EQ(*order, (std::vector<std::string>{"postgres", "catalog", "kafka", "redis", "rabbitmq",
                                              "ordering", "notification", "gateway"}));
}

TEST(StartOrder, ACycle_IsNamedWithoutWhatOnlyLeadsToIt) {
  const auto order = start_order(manifest_of(R"(
    {"name": "z", "kind": "redis", "wait_for": ["b"]},
    {"name": "a", "kind": "redis", "wait_for": ["b"]},
    {"name": "b", "kind": "redis", "references": ["c"]},
    {"name": "c", "kind": "redis", "wait_for": ["b"]})"));
  ASSERT_FALSE(order);
  EXPECT_NE(order.error().detail.find(": b -> c -> b."), std::string::npos) << order.error().detail;
}

TEST(Environment, AService_IsToldWhatItReferences) {
  const auto manifest = manifest_of(fleet);
  const auto variables =
      environment_of(manifest, *manifest.find("ordering"), addresses(), credentials);
  const std::map<std::string, std::string> expected{
      {"STOA__Auth__SecretKey", "sk_1"},
      {"STOA__Auth__PublishableKey", "pk_1"},
      {"STOA__Auth__ShopSecret", "5e"},
      {"STOA__ConnectionStrings__OrderingDb",
       "Host=@stoa-5432;Port=5432;Database=orderingdb;Username=stoa;Password=postgres-secret"},
      {"STOA__Kafka__BootstrapServers", "127.0.0.1:9092"},
      {"STOA__ConnectionStrings__Redis", "127.0.0.1:6379"},
      {"STOA__RabbitMQ__HostName", "127.0.0.1"},
      {"STOA__RabbitMQ__Port", "5672"},
      {"STOA__RabbitMQ__UserName", "stoa"},
      {"STOA__RabbitMQ__Password", "rabbit-secret"},
      {"STOA__Http__Address", "::1"},
      {"STOA__RateLimits__RequestsPerSecond", "0"},
      {"STOA__Logging__Level", "debug"}};
  EXPECT_EQ(variables, expected) << "the manifest's own variables come last";
}

TEST(Environment, OfAKafkaOfThreeNodes_AllAreTold_AndThatEachMessageIsOnAll) {
  const auto manifest = manifest_of(R"(
    {"name": "catalog", "kind": "service", "references": ["kafka"]},
    {"name": "kafka", "kind": "kafka", "replicas": 3,
     "endpoints": [{"name": "tcp-3", "port": 9394}, {"name": "tcp", "port": 9192}]})");
  const auto& endpoints = manifest.find("kafka")->endpoints;
  ASSERT_EQ(endpoints.size(), 3U);
  EXPECT_EQ(endpoints.front().name, "tcp");
  auto nodes = addresses();
  nodes.ports["kafka"] = {{"tcp", 9192}, {"tcp-2", 9293}, {"tcp-3", 9394}};
  auto variables = environment_of(manifest, *manifest.find("catalog"), nodes, credentials);
  EXPECT_EQ(variables["STOA__Kafka__BootstrapServers"],
            "127.0.0.1:9192,127.0.0.1:9293,127.0.0.1:9394");
  EXPECT_EQ(variables["STOA__Kafka__Replication"], "3");
}

TEST(Environment, TheGateway_IsToldAllReplicasAndWhichEndpointsAreItsOwn) {
  const auto manifest = manifest_of(fleet);
  auto variables = environment_of(manifest, *manifest.find("gateway"), addresses(), credentials);
  EXPECT_EQ(variables["STOA__Services__Ordering"], "http://127.0.0.1:2,http://127.0.0.1:3");
  EXPECT_EQ(variables["STOA__Services__File"], "/data/services.json");
  EXPECT_EQ(variables["STOA__Gateway__Endpoints"], "catalog=5001,ordering=5002,notification=5004");
  EXPECT_FALSE(variables.contains("STOA__Http__Address")) << "it is for others";
  EXPECT_FALSE(variables.contains("STOA__RateLimits__RequestsPerSecond")) << "it knows who asks";
}

TEST(Environment, AnotherService_IsReachedAtItsEndpoint_OrWithoutAGatewayAtItsFirstReplica) {
  const auto manifest = manifest_of(fleet);
  const auto* const notification = manifest.find("notification");
  auto variables = environment_of(manifest, *notification, addresses(), credentials);
  EXPECT_EQ(variables["STOA__Services__Ordering"], "http://127.0.0.1:5002");
  EXPECT_FALSE(variables.contains("STOA__Services__File"));
  auto alone = manifest;
  std::erase_if(alone.resources, [](const Resource& one) { return one.name == gateway_name; });
  variables = environment_of(alone, *alone.find("notification"), addresses(), credentials);
  EXPECT_EQ(variables["STOA__Services__Ordering"], "http://127.0.0.1:2");
}

TEST(Environment, OfAnExternalServer_NothingIsTold) {
  const auto manifest = manifest_of(fleet);
  auto elsewhere = addresses();
  elsewhere.external = {"postgres", "kafka", "redis", "rabbitmq"};
  const auto variables =
      environment_of(manifest, *manifest.find("ordering"), elsewhere, credentials);
  for (const auto& [name, value] : variables)
    EXPECT_TRUE(name.starts_with("STOA__Auth__") || name == "STOA__Logging__Level" ||
                name == "STOA__Http__Address" || name == "STOA__RateLimits__RequestsPerSecond")
        << name;
}

TEST(WithPorts, EveryMark_IsReplaced) {
  EXPECT_EQ(with_ports("--a={port:a},{port:b},{port:a}", {{"a", 1}, {"b", 2}}), "--a=1,2,1");
  EXPECT_EQ(with_ports("{port:c}", {{"a", 1}}), "{port:c}");
}

}  // namespace
}  // namespace stoa::apphost
