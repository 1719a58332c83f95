#include "apphost/manifest.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace stoa::apphost {
namespace {

/// The endpoints that each kind has, with the ports that people expect.
std::vector<Endpoint> usual_endpoints(const Resource& resource) {
  static const std::map<std::string_view, std::int64_t> services{
      {"gateway", 5000}, {"catalog", 5001},      {"ordering", 5002},
      {"payment", 5003}, {"notification", 5004}, {"agents", 5005}};
  switch (resource.kind) {
    case Kind::postgres:
      return {{"tcp", 5432}};
    case Kind::kafka: {
      std::vector<Endpoint> nodes{{node_endpoint(1), 9092}};
      for (std::int64_t node = 2; node <= resource.replicas.value_or(1); ++node)
        nodes.push_back({node_endpoint(node), 0});
      return nodes;
    }
    case Kind::redis:
      return {{"tcp", 6379}};
    case Kind::rabbitmq:
      return {{"tcp", 5672}, {"management", 15672}};
    case Kind::service: {
      const auto found = services.find(resource.name);
      return {{"http", found == services.end() ? 0 : found->second}};
    }
    case Kind::executable:
      return {};
  }
  return {};
}

class Check {
 public:
  Check(Manifest& manifest, const std::vector<std::string>& services)
      : manifest_(manifest), services_(services) {}

  std::vector<FieldError> faults() {
    for (std::size_t at = 0; at < manifest_.resources.size(); ++at) {
      here_ = "/resources/" + std::to_string(at);
      auto& resource = manifest_.resources[at];
      if (!names_.insert(resource.name).second) fault("/name", "is the name of another one too");
      kind_of(resource);
      endpoints_of(resource);
      links(resource, "/references/", resource.references);
      links(resource, "/wait_for/", resource.wait_for);
    }
    return std::move(faults_);
  }

 private:
  void fault(const std::string& where, std::string what) {
    faults_.push_back({here_ + where, "wrong_manifest", std::move(what)});
  }

  void kind_of(const Resource& resource) {
    const bool is_service = resource.kind == Kind::service;
    const bool is_gateway = resource.name == gateway_name;
    if (is_service && !is_gateway && std::ranges::find(services_, resource.name) == services_.end())
      fault("/name", "is no service: there are " + listed());
    const bool is_kafka = resource.kind == Kind::kafka;
    if (resource.replicas && !is_kafka && (!is_service || is_gateway))
      fault("/replicas", "is for services and Kafka, and there is one gateway");
    if (is_kafka && resource.replicas && *resource.replicas != 1 && *resource.replicas != 3)
      fault("/replicas", "is 1 or 3: two nodes stand still when one is away");
    if (resource.kind == Kind::executable && resource.command.empty())
      fault("/command", "is missing: what shall be run?");
    if (resource.kind != Kind::executable && !resource.command.empty())
      fault("/command", "is for executables");
  }

  [[nodiscard]] std::string listed() const {
    std::string text;
    for (const auto& name : services_) text += name + ", ";
    return text + std::string(gateway_name);
  }

  /// Puts in those that are missing.
  void endpoints_of(Resource& resource) {
    auto usual = usual_endpoints(resource);
    for (std::size_t at = 0; at < resource.endpoints.size(); ++at) {
      const auto& one = resource.endpoints[at];
      const auto where = "/endpoints/" + std::to_string(at);
      if (one.port != 0 && !ports_.insert(one.port).second)
        fault(where + "/port", "is the port of another endpoint too");
      const bool is_usual =
          std::erase_if(usual, [&](const Endpoint& other) { return other.name == one.name; }) > 0;
      if (!is_usual && resource.kind != Kind::executable)
        fault(where + "/name", "is no endpoint of this kind, or stands there twice");
    }
    // Those left are told by nobody: where the usual port is another resource's, any port will do.
    for (auto& one : usual) {
      if (one.port != 0 && !ports_.insert(one.port).second) one.port = 0;
      resource.endpoints.push_back(one);
    }
    // The first is what others use.
    const auto first = std::ranges::find(resource.endpoints, "tcp", &Endpoint::name);
    if (resource.kind != Kind::executable && first != resource.endpoints.end())
      std::swap(resource.endpoints.front(), *first);
  }

  void links(const Resource& resource, const std::string& where,
             const std::vector<std::string>& names) {
    for (std::size_t at = 0; at < names.size(); ++at) {
      const auto place = where + std::to_string(at);
      if (names[at] == resource.name) fault(place, "is the resource itself");
      if (manifest_.find(names[at]) == nullptr)
        fault(place, "names no resource: there is no " + names[at]);
    }
  }

  Manifest& manifest_;
  const std::vector<std::string>& services_;
  std::string here_;
  std::set<std::string> names_;
  std::set<std::int64_t> ports_;
  std::vector<FieldError> faults_;
};

std::unexpected<Error> refuse(std::vector<FieldError> faults) {
  std::string detail = "The manifest is wrong:";
  for (const auto& one : faults) detail += " " + one.pointer + " " + one.message + ";";
  while (detail.back() == ';' || detail.back() == '.') detail.pop_back();
  return fail(Error{ErrorKind::invalid, "wrong_manifest", detail + ".", std::move(faults)});
}

}  // namespace

std::string node_endpoint(std::int64_t node) {
  return node == 1 ? "tcp" : "tcp-" + std::to_string(node);
}

const Resource* Manifest::find(std::string_view name) const {
  const auto found = std::ranges::find(resources, name, &Resource::name);
  return found == resources.end() ? nullptr : &*found;
}

Result<Manifest> read_manifest(std::string_view text, const std::vector<std::string>& services) {
  auto manifest = json::read_input<Manifest>(text);
  if (!manifest && manifest.error().fields.empty())
    return fail(ErrorKind::invalid, "wrong_manifest",
                "The manifest is no JSON: " + manifest.error().detail);
  if (!manifest) return refuse(std::move(manifest.error().fields));
  auto faults = Check(*manifest, services).faults();
  if (!faults.empty()) return refuse(std::move(faults));
  return manifest;
}

std::string default_manifest() {
  return R"({
  "resources": [
    {"name": "postgres", "kind": "postgres", "endpoints": [{"name": "tcp", "port": 5432}]},
    {"name": "kafka", "kind": "kafka", "endpoints": [{"name": "tcp", "port": 9092}]},
    {"name": "redis", "kind": "redis", "endpoints": [{"name": "tcp", "port": 6379}]},
    {"name": "rabbitmq", "kind": "rabbitmq",
     "endpoints": [{"name": "tcp", "port": 5672}, {"name": "management", "port": 15672}]},
    {"name": "catalog", "kind": "service", "references": ["postgres", "kafka", "redis", "rabbitmq"],
     "endpoints": [{"name": "http", "port": 5001}]},
    {"name": "ordering", "kind": "service",
     "references": ["postgres", "kafka", "redis", "rabbitmq", "catalog"],
     "endpoints": [{"name": "http", "port": 5002}]},
    {"name": "payment", "kind": "service", "references": ["postgres", "kafka", "redis", "rabbitmq"],
     "endpoints": [{"name": "http", "port": 5003}]},
    {"name": "notification", "kind": "service",
     "references": ["postgres", "kafka", "redis", "rabbitmq", "ordering"],
     "endpoints": [{"name": "http", "port": 5004}]},
    {"name": "agents", "kind": "service", "references": ["postgres", "kafka", "redis", "rabbitmq"],
     "endpoints": [{"name": "http", "port": 5005}]},
    {"name": "gateway", "kind": "service",
     "references": ["catalog", "ordering", "payment", "notification", "agents", "redis", "rabbitmq"],
     "endpoints": [{"name": "http", "port": 5000}]}
  ]
}
)";
}

}  // namespace stoa::apphost
