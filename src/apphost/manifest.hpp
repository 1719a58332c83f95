#pragma once

#include <boost/describe/enum.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::apphost {

/// What a resource is: a server that others use, a service of Stoa's (its name says which one, or
/// `gateway`), or any other program.
BOOST_DEFINE_ENUM_CLASS(Kind, postgres, kafka, redis, rabbitmq, service, executable)

/// A port that a resource is reached at.
struct Endpoint {
  std::string name;
  std::int64_t port = 0;  ///< wanted; 0: any. One that is taken is replaced

  static constexpr auto fields() {
    return std::tuple{json::field("name", &Endpoint::name, json::Text{1, 40, json::Form::slug}),
                      json::field("port", &Endpoint::port, json::Range{0, 65'535})};
  }
};

/// When a resource counts as ready, beyond what its kind says.
struct Health {
  std::string path;  ///< asked of the first endpoint by HTTP; empty: as is usual for the kind
  std::int64_t timeout_seconds = 120;  ///< the start has failed then

  static constexpr auto fields() {
    return std::tuple{
        json::defaulted("path", &Health::path, json::Text{0, 200, json::Form::url}),
        json::defaulted("timeout_seconds", &Health::timeout_seconds, json::Range{1, 3'600})};
  }
};

inline constexpr std::int64_t replicas_max = 32;

struct Resource {
  std::string name;
  Kind kind = Kind::service;
  std::vector<std::string> references;  ///< it is told where they are, and starts after them
  std::vector<std::string> wait_for;    ///< it starts after them
  std::vector<Endpoint> endpoints;      ///< those that are missing are the usual ones of the kind
  Health health;
  json::Metadata environment;
  std::optional<std::int64_t> replicas;  ///< of a service; of Kafka, its nodes
  std::vector<std::string> command;      ///< of an executable; `{port:NAME}` is an endpoint's port

  static constexpr auto fields() {
    constexpr json::Items names{0, 50, {1, 40, json::Form::slug}};
    return std::tuple{
        json::field("name", &Resource::name, json::Text{1, 40, json::Form::slug}),
        json::field("kind", &Resource::kind),
        json::defaulted("references", &Resource::references, names),
        json::defaulted("wait_for", &Resource::wait_for, names),
        json::defaulted("endpoints", &Resource::endpoints, json::Items{0, 10}),
        json::defaulted("health", &Resource::health),
        json::defaulted("environment", &Resource::environment),
        json::field("replicas", &Resource::replicas, json::Range{1, replicas_max}),
        json::defaulted("command", &Resource::command, json::Items{0, 100, {1, 1'000}})};
  }
};

/// The endpoint of a node of Kafka, counted from 1: `tcp`, `tcp-2`, …
std::string node_endpoint(std::int64_t node);

/// The resources of a system, after the model of .NET Aspire.
struct Manifest {
  std::vector<Resource> resources;

  static constexpr auto fields() {
    return std::tuple{json::field("resources", &Manifest::resources, json::Items{1, 50})};
  }
  [[nodiscard]] const Resource* find(std::string_view name) const;
};

inline constexpr std::string_view gateway_name = "gateway";

/// Reads and checks a manifest, and puts in the usual endpoints; `wrong_manifest` (invalid) names
/// every fault by its pointer. `services` are those that there are beside the gateway.
Result<Manifest> read_manifest(std::string_view text, const std::vector<std::string>& services);

/// PostgreSQL, Kafka, Redis, RabbitMQ and every service, with the gateway in front of them.
std::string default_manifest();

}  // namespace stoa::apphost
