#include "apphost/plan.hpp"

#include <algorithm>
#include <cctype>

#include "kernel/base/assert.hpp"

namespace stoa::apphost {
namespace {

/// `ordering` is `Ordering` in settings.
std::string capitalised(std::string name) {
  name.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(name.front())));
  return name;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += ',';
    text += part;
  }
  return text;
}

/// Follows what is needed from `name`, which leads back to it, and writes it down.
std::string cycle_from(const Manifest& manifest, const std::string& name,
                       const std::set<std::string>& open) {
  std::vector<std::string> way{name};
  for (;;) {
    const auto needs = needs_of(*manifest.find(way.back()));
    const auto next =
        std::ranges::find_if(needs, [&](const std::string& one) { return open.contains(one); });
    const auto seen = std::ranges::find(way, *next);
    const bool is_closed = seen != way.end();
    way.push_back(*next);
    if (!is_closed) continue;
    std::string text;
    for (auto one = std::ranges::find(way, way.back()); one != way.end(); ++one)
      text += (text.empty() ? "" : " -> ") + *one;
    return text;
  }
}

class Environment {
 public:
  Environment(const Manifest& manifest, const Addresses& addresses, const Credentials& credentials)
      : manifest_(manifest), addresses_(addresses), credentials_(credentials) {}

  std::map<std::string, std::string> of(const Resource& service) {
    set("Auth__SecretKey", credentials_.secret_key);
    set("Auth__PublishableKey", credentials_.publishable_key);
    set("Auth__ShopSecret", credentials_.shop_secret);
    for (const auto& name : service.references)
      if (!addresses_.external.contains(name)) refer(service, *manifest_.find(name));
    if (service.name == gateway_name) {
      front(service);
    } else {
      set("Http__Address", "127.0.0.1");  // only the gateway is for others
      // It knows who asks: to the services behind it, all come from its address.
      if (is_behind_gateway(manifest_, service)) set("RateLimits__RequestsPerSecond", "0");
    }
    for (const auto& [name, value] : service.environment) variables_[name] = value;
    return std::move(variables_);
  }

 private:
  void set(const std::string& setting, std::string value) {
    variables_["STOA__" + setting] = std::move(value);
  }

  void refer(const Resource& service, const Resource& to) {
    const auto port = [&] { return std::to_string(addresses_.port(to)); };
    switch (to.kind) {
      case Kind::postgres:
        set("ConnectionStrings__" + capitalised(service.name) + "Db",
            "Host=" + postgres_socket(addresses_.port(to)) + ";Port=" + port() +
                ";Database=" + database_of(service.name) + ";Username=" + std::string(server_user) +
                ";Password=" + credentials_.postgres_password);
        return;
      case Kind::kafka: {
        std::vector<std::string> nodes;
        for (const auto& [endpoint, at] : addresses_.ports.at(to.name))
          nodes.push_back("127.0.0.1:" + std::to_string(at));
        set("Kafka__BootstrapServers", joined(nodes));
        // A message that is confirmed survives the loss of a node.
        if (nodes.size() > 1) set("Kafka__Replication", std::to_string(nodes.size()));
        return;
      }
      case Kind::redis:
        return set("ConnectionStrings__Redis", "127.0.0.1:" + port());
      case Kind::rabbitmq:
        set("RabbitMQ__HostName", "127.0.0.1");
        set("RabbitMQ__Port", port());
        set("RabbitMQ__UserName", std::string(server_user));
        set("RabbitMQ__Password", credentials_.rabbitmq_password);
        return;
      case Kind::service:
        return set("Services__" + capitalised(to.name),
                   service.name == gateway_name ? joined(addresses_.replicas.at(to.name))
                                                : address_of(to));
      case Kind::executable:
        return;
    }
  }

  /// One that stays where it is when replicas come and go.
  [[nodiscard]] std::string address_of(const Resource& service) const {
    if (is_behind_gateway(manifest_, service))
      return "http://127.0.0.1:" + std::to_string(addresses_.port(service));
    return addresses_.replicas.at(service.name).front();
  }

  void front(const Resource& gateway) {
    std::vector<std::string> endpoints;
    for (const auto& name : gateway.references)
      if (const auto& to = *manifest_.find(name); to.kind == Kind::service)
        endpoints.push_back(name + "=" + std::to_string(addresses_.port(to)));
    set("Services__File", addresses_.services_file);
    set("Gateway__Endpoints", joined(endpoints));
  }

  const Manifest& manifest_;
  const Addresses& addresses_;
  const Credentials& credentials_;
  std::map<std::string, std::string> variables_;
};

}  // namespace

std::set<std::string> needs_of(const Resource& resource) {
  std::set<std::string> needs(resource.references.begin(), resource.references.end());
  needs.insert(resource.wait_for.begin(), resource.wait_for.end());
  return needs;
}

Result<std::vector<std::string>> start_order(const Manifest& manifest) {
  std::vector<std::string> order;
  std::set<std::string> open;
  for (const auto& resource : manifest.resources) open.insert(resource.name);
  while (!open.empty()) {
    const auto next = std::ranges::find_if(manifest.resources, [&](const Resource& one) {
      return open.contains(one.name) && std::ranges::none_of(needs_of(one), [&](const auto& name) {
               return open.contains(name);
             });
    });
    if (next == manifest.resources.end())
      return fail(ErrorKind::invalid, "wrong_manifest",
                  "The manifest is wrong: these wait for each other: " +
                      cycle_from(manifest, *open.begin(), open) + ".");
    open.erase(next->name);
    order.push_back(next->name);
  }
  return order;
}

bool is_behind_gateway(const Manifest& manifest, const Resource& service) {
  const auto* const gateway = manifest.find(gateway_name);
  return gateway != nullptr && has(gateway->references, service.name);
}

std::string postgres_socket(int port) { return "@stoa-" + std::to_string(port); }

std::string database_of(const std::string& service) { return service + "db"; }

std::vector<std::string> databases_of(const Manifest& manifest, const std::string& postgres) {
  std::vector<std::string> databases;
  for (const auto& one : manifest.resources)
    if (one.kind == Kind::service && one.name != gateway_name && has(one.references, postgres))
      databases.push_back(database_of(one.name));
  return databases;
}

std::uint16_t Addresses::port(const Resource& resource) const {
  STOA_ASSERT(!resource.endpoints.empty());
  return ports.at(resource.name).at(resource.endpoints.front().name);
}

std::map<std::string, std::string> environment_of(const Manifest& manifest, const Resource& service,
                                                  const Addresses& addresses,
                                                  const Credentials& credentials) {
  return Environment(manifest, addresses, credentials).of(service);
}

std::map<std::string, std::string> operator_environment(const Manifest& manifest,
                                                        const Addresses& addresses,
                                                        const Credentials& credentials) {
  std::map<std::string, std::string> variables;
  for (const auto& one : manifest.resources)
    if (one.kind == Kind::service)
      variables.merge(environment_of(manifest, one, addresses, credentials));
  std::erase_if(variables, [](const auto& variable) {
    const auto is_of = [&](std::string_view section) {
      return variable.first.starts_with("STOA__" + std::string(section) + "__");
    };
    return !is_of("Auth") && !is_of("ConnectionStrings") && !is_of("Kafka") && !is_of("RabbitMQ");
  });
  return variables;
}

std::string with_ports(std::string text, const std::map<std::string, std::uint16_t>& ports) {
  for (const auto& [name, port] : ports) {
    const auto mark = "{port:" + name + "}";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark))
      text.replace(at, mark.size(), std::to_string(port));
  }
  return text;
}

}  // namespace stoa::apphost
