#pragma once

#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/http/message.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::http {

enum class Access { open, publishable, secret };  ///< the least key that a route asks for

struct QueryParameter {
  std::string name;
  std::string description;
};

struct SecretParameter {
  std::string name;
  std::string header;  ///< in lower case
  std::string description;
};

using Handler = std::function<void(const RequestPtr&, const Reply&)>;
using SchemaOf = std::function<std::string(json::Schemas&)>;

/// What a server allows one request of a route.
struct RouteLimits {
  std::size_t body_bytes_max = std::size_t{1} << 20;
  std::chrono::seconds answer_timeout{60};
  /// A longer body is the stream of a request that is handed over before it: then the time for the
  /// answer begins anew with each piece that is asked for.
  std::size_t whole_body_bytes_max = std::numeric_limits<std::size_t>::max();
};

/// The life of an operation that has a successor. Answers say so in `Deprecation` (RFC 9745),
/// `Sunset` (RFC 8594) and `Link`.
struct Lifecycle {
  Timestamp deprecated_at;
  std::optional<Timestamp> sunset_at = {};  ///< from then on it may be gone
  std::string successor = {};               ///< path to use instead, `/v2/orders/{id}`
  std::string guide = {};                   ///< address of a text that tells how to change over
};

/// One operation: what serves it, and what OpenAPI says of it.
struct Route {
  std::string method;
  std::string path;  ///< `/v1/orders/{id}`
  Access access = Access::secret;
  std::string summary;
  std::string tag;
  Handler handler;
  SchemaOf body = {};    ///< JSON body, if the operation takes one
  SchemaOf answer = {};  ///< JSON of the 2xx answer
  int status = 200;      ///< of success
  std::vector<QueryParameter> query = {};
  bool takes_idempotency_key = false;  ///< then the header is required
  RouteLimits limits = {};
  bool rate_limited = true;  ///< false for what monitors ask
  std::string answer_type = "application/json";
  /// Parameters of the query that stand for a header where a client cannot send one. The gateway
  /// moves them there before anything else sees the query, so that no log and no trace holds them.
  std::vector<SecretParameter> secret_query = {};
  bool holds_secrets = false;  ///< in its answer, which is then never compressed
  /// Other statuses that it may answer with: below 400 with the body of the success (304: none),
  /// else with a problem. Those that follow from the members above need not be named.
  std::vector<int> also = {};
  std::optional<Lifecycle> lifecycle = {};  ///< of what is deprecated
};

template <class T>
SchemaOf schema_of() {
  return [](json::Schemas& schemas) { return json::Codec<T>::schema(schemas, json::Unbounded{}); };
}

/// Every status that the operation may answer with, rising: its successes, what the gateway may
/// refuse, what its readers of body, path and query may refuse, and its `also`.
std::vector<int> statuses_of(const Route& route);

/// The headers that the lifecycle of a deprecated `route` asks for; `path` is the request's, and
/// fills the parameters of the successor.
std::vector<std::pair<std::string, std::string>> lifecycle_headers(const Route& route,
                                                                   std::string_view path);

/// The routes of the shop. Filled before the server starts, read by all threads after.
class Router {
 public:
  static constexpr std::size_t segments_max = 16;  ///< of a route's path

  /// Two routes of one method and one shape of path are a defect: asserts.
  /// The route as it is kept; refer to it until the next one is added.
  Route& add(Route route);
  /// Gives `route` what no route serves at or below `prefix`, `/v1/orders` or `/` for all, whatever
  /// its method; the longest prefix goes before. It is none of `routes()`.
  void mount(std::string prefix, Route route);
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

  /// The route and the decoded parameters of its path, words before parameters; `route_not_found`,
  /// `unknown_api_version` (not found) when no route is of the path's version, or
  /// `method_not_allowed` whose `location` holds the value of the Allow header.
  struct Match {
    const Route* route;
    std::vector<std::pair<std::string, std::string>> params;
  };
  [[nodiscard]] Result<Match> match(std::string_view method, std::string_view path) const;

 private:
  /// A place in the tree of the routes' segments: the first segment leads from the root to the
  /// next. All by index, so that a router can be copied.
  struct Node {
    std::vector<std::pair<std::string, std::size_t>> words;  ///< sorted, with where each leads
    std::size_t parameter = 0;                               ///< where one leads; 0: nowhere
    std::vector<std::size_t> routes;                         ///< that end here, in `routes_`
  };
  using Segments = std::span<const std::string_view>;

  std::size_t next_of(std::size_t node, std::string_view segment);
  /// Calls `visit` with each node at the end of a way that `segments` go from `node`, and with the
  /// places of those that are parameters on it, a bit each.
  template <class Visit>
  void walk(Segments segments, std::size_t node, std::size_t at, unsigned parameters,
            const Visit& visit) const;
  [[nodiscard]] const Route* find(std::string_view method, Segments segments) const;
  [[nodiscard]] const Route* mounted_at(std::string_view path) const;
  [[nodiscard]] std::unexpected<Error> no_match(Segments segments) const;
  [[nodiscard]] std::unexpected<Error> nothing_at(std::string_view first_segment) const;

  std::vector<Route> routes_;
  std::map<std::string, Route, std::greater<>> mounts_;  ///< longer prefixes before shorter ones
  std::vector<Node> nodes_{1};                           ///< the root first
  std::set<int> versions_;                               ///< that some route is of
};

/// OpenAPI 3.1 of the routes, as JSON text.
std::string openapi(const Router& router, std::string_view version);

}  // namespace stoa::http
