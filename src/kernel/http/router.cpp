#include "kernel/http/router.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <map>

#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

/// Calls `each` with one segment after the other; false when it does not want one.
template <class Each>
bool split(std::string_view path, const Each& each) {
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    if (!each(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  split(path, [&](std::string_view segment) {
    segments.push_back(segment);
    return true;
  });
  return segments;
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }
std::string_view parameter_name(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

constexpr std::size_t parameter_bytes_max = 1'024;

constexpr auto is_unreserved = [] {
  std::array<bool, 256> bytes{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-._~"))
    bytes[static_cast<unsigned char>(c)] = true;
  return bytes;
}();

/// A parameter of unreserved characters alone stands for itself.
bool is_plain_value(std::string_view segment) {
  return !segment.empty() && segment.size() <= parameter_bytes_max &&
         std::ranges::all_of(segment,
                             [](char c) { return is_unreserved[static_cast<unsigned char>(c)]; });
}

/// The parameter that a segment of a request's path is; nothing when it cannot be one.
std::optional<std::string> value_of(std::string_view segment) {
  if (is_plain_value(segment)) return std::string(segment);
  auto value = percent_decode(segment);
  if (!value || value->empty() || value->size() > parameter_bytes_max || !is_utf8(*value) ||
      has_control_characters(*value, false))
    return std::nullopt;
  return value;
}

bool can_be_parameter(std::string_view segment) {
  return is_plain_value(segment) || value_of(segment).has_value();
}

/// By length first: most words are told apart without a look at their letters.
bool is_before(const std::pair<std::string, std::size_t>& word, std::string_view segment) {
  return word.first.size() != segment.size() ? word.first.size() < segment.size()
                                             : word.first < segment;
}

/// `postV1OrdersIdCancel`: stable, as client generators want it.
std::string operation_id(const Route& route) {
  std::string id = ascii_lower(route.method);
  bool upper = true;
  for (const char c : route.path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    if (letter) id += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = !letter;
  }
  return id;
}

void write_parameter(json::Writer& w, std::string_view name, std::string_view place, bool required,
                     std::string_view description) {
  if (!w.out.ends_with('[')) w.out += ',';
  w.out += R"({"name":)";
  w.text(name);
  w.out += R"(,"in":)";
  w.text(place);
  w.out += required ? R"(,"required":true)" : R"(,"required":false)";
  if (!description.empty()) {
    w.out += R"(,"description":)";
    w.text(description);
  }
  w.out += R"(,"schema":{"type":"string"}})";
}

std::string_view meaning_of(int status) {
  switch (status) {
    case 200:
      return "Done";
    case 201:
      return "Made";
    case 202:
      return "Taken on; it goes on after this answer";
    case 304:
      return "Not changed since the ETag that was sent";
    case 400:
      return "Malformed";
    case 401:
      return "The key is missing or not known";
    case 403:
      return "The key does not open this";
    case 404:
      return "There is no such thing";
    case 409:
      return "The state does not allow it";
    case 412:
      return "It has changed since the ETag that was sent";
    case 413:
      return "Too large";
    case 415:
      return "The body is not declared as what this takes";
    case 422:
      return "Breaks a rule; errors tells which members and why";
    case 428:
      return "A header is missing that this needs";
    case 429:
      return "Too many requests";
    case 500:
      return "A defect in the shop";
    case 503:
      return "Not now: try again shortly";
    default:
      return status < 400 ? "Done" : "A problem";
  }
}

constexpr std::string_view problem_content =
    R"("content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}})";

/// The `default` stands for what a server or a proxy on the way may refuse: headers that are too
/// long, a body that comes too slowly.
void write_responses(json::Writer& w, const Route& route, json::Schemas& schemas) {
  w.out += R"(,"responses":{)";
  for (const int status : statuses_of(route)) {
    w.out += '"' + std::to_string(status) + R"(":{"description":)";
    w.text(meaning_of(status));
    if (status >= 400) {
      w.out.append(",").append(problem_content);
    } else {
      if (route.answer && status != 304)
        w.out += R"(,"content":{")" + route.answer_type + R"(":{"schema":)" +
                 route.answer(schemas) + "}}";
      w.out += '}';
    }
    w.out += ',';
  }
  w.out.append(R"("default":{"description":"Another problem",)").append(problem_content) += '}';
}

void write_operation(json::Writer& w, const Route& route, json::Schemas& schemas) {
  w.out += R"({"operationId":)";
  w.text(operation_id(route));
  if (route.lifecycle) w.out += R"(,"deprecated":true)";
  w.out += R"(,"summary":)";
  w.text(route.summary);
  w.out += R"(,"tags":[)";
  w.text(route.tag);
  w.out += R"(],"security":)";
  w.out += route.access == Access::open ? "[]" : R"([{"bearer":[]}])";
  w.out += R"(,"x-access":)";
  constexpr std::string_view access[] = {"open", "publishable", "secret"};
  w.text(access[static_cast<std::size_t>(route.access)]);
  w.out += R"(,"parameters":[)";
  for (const auto segment : segments_of(route.path))
    if (is_parameter(segment)) write_parameter(w, parameter_name(segment), "path", true, "");
  for (const auto& one : route.query) write_parameter(w, one.name, "query", false, one.description);
  for (const auto& one : route.secret_query)
    write_parameter(w, one.name, "query", false, one.description);
  if (route.method == "GET" && route.access != Access::open)
    write_parameter(w, "Stoa-Position", "header", false,
                    "of an earlier answer; this one waits until it shows what that one did");
  if (route.takes_idempotency_key)
    write_parameter(w, "Idempotency-Key", "header", true,
                    "1 to 255 printable characters; the same key gives the same effect once");
  w.out += "]";
  if (route.body)
    w.out += R"(,"requestBody":{"required":true,"content":{"application/json":{"schema":)" +
             route.body(schemas) + "}}}";
  write_responses(w, route, schemas);
  w.out += '}';
}

/// 1 of `v1`; 0 of what is no version.
int version_of(std::string_view segment) {
  int version = 0;
  if (segment.size() < 2 || segment.front() != 'v') return 0;
  const auto* last = segment.data() + segment.size();
  const auto [end, error] = std::from_chars(segment.data() + 1, last, version);
  return error == std::errc{} && end == last && version > 0 ? version : 0;
}

/// `pattern` with each parameter as it stands, percent-encoded, in `path`, which `route` matches.
std::string filled(std::string_view pattern, std::string_view route, std::string_view path) {
  const auto names = segments_of(route);
  const auto values = segments_of(path);
  std::string text;
  for (const auto segment : segments_of(pattern)) {
    const auto at = is_parameter(segment)
                        ? std::find(names.begin(), names.end(), segment) - names.begin()
                        : std::ptrdiff_t{-1};
    const bool known = at >= 0 && static_cast<std::size_t>(at) < values.size();
    text.append("/").append(known ? values[static_cast<std::size_t>(at)] : segment);
  }
  return text;
}

constexpr std::string_view problem_schema =
    R"({"type":"object","required":["status","code","detail","errors"],"properties":{)"
    R"("type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},)"
    R"("code":{"type":"string"},"detail":{"type":"string"},"errors":{"type":"array","items":)"
    R"({"type":"object","properties":{"pointer":{"type":"string"},"code":{"type":"string"},)"
    R"("message":{"type":"string"}}}},"request_id":{"type":"string"},)"
    R"("trace_id":{"type":"string"}}})";

}  // namespace

std::vector<int> statuses_of(const Route& route) {
  std::set<int> statuses{route.status};
  statuses.insert(route.also.begin(), route.also.end());
  const bool asks_for_key = route.access != Access::open;
  if (asks_for_key) statuses.insert({401, 500, 503});
  if (route.access == Access::secret) statuses.insert(403);
  if (asks_for_key && route.method == "GET") statuses.insert(400);  // of Stoa-Position
  if (route.method == "GET" && route.answer) statuses.insert(304);  // where there is an ETag
  if (!asks_for_key) statuses.insert(401);                          // of a wrong key
  if (route.rate_limited) statuses.insert(429);
  if (route.path.find('{') != std::string::npos) statuses.insert(404);
  if (!route.query.empty()) statuses.insert(422);
  if (route.body) statuses.insert({400, 413, 415, 422});
  if (route.takes_idempotency_key) statuses.insert({422, 428});
  return {statuses.begin(), statuses.end()};
}

std::vector<std::pair<std::string, std::string>> lifecycle_headers(const Route& route,
                                                                   std::string_view path) {
  const auto& life = *route.lifecycle;
  const auto since =
      std::chrono::floor<std::chrono::seconds>(life.deprecated_at.time_since_epoch());
  std::vector<std::pair<std::string, std::string>> headers{
      {"Deprecation", "@" + std::to_string(since.count())}};
  if (life.sunset_at) headers.emplace_back("Sunset", http_date(*life.sunset_at));
  if (!life.successor.empty())
    headers.emplace_back(
        "Link", "<" + filled(life.successor, route.path, path) + ">; rel=\"successor-version\"");
  if (!life.guide.empty())
    headers.emplace_back("Link", "<" + life.guide + ">; rel=\"deprecation\"");
  return headers;
}

std::unexpected<Error> Router::nothing_at(std::string_view first_segment) const {
  const int version = version_of(first_segment);
  if (version == 0 || versions_.contains(version))
    return fail(ErrorKind::not_found, "route_not_found", "There is nothing at this path.");
  std::string known;
  for (const int one : versions_) known += (known.empty() ? "v" : ", v") + std::to_string(one);
  return fail(ErrorKind::not_found, "unknown_api_version",
              "This shop does not speak version v" + std::to_string(version) +
                  " of its API, but: " + known + ".");
}

std::size_t Router::next_of(std::size_t node, std::string_view segment) {
  auto& from = nodes_[node];
  const auto fresh = nodes_.size();
  if (is_parameter(segment)) {
    if (from.parameter != 0) return from.parameter;
    from.parameter = fresh;
  } else {
    const auto at = std::lower_bound(from.words.begin(), from.words.end(), segment, is_before);
    if (at != from.words.end() && at->first == segment) return at->second;
    from.words.emplace(at, segment, fresh);
  }
  nodes_.emplace_back();
  return fresh;
}

Route& Router::add(Route route) {
  const auto segments = segments_of(route.path);
  STOA_ASSERT(segments.size() <= segments_max);
  if (const int version = version_of(segments.front()); version > 0) versions_.insert(version);
  std::size_t node = 0;
  for (const auto segment : segments) node = next_of(node, segment);
  auto& here = nodes_[node].routes;
  const bool same_shape = std::ranges::any_of(
      here, [&](std::size_t other) { return routes_[other].method == route.method; });
  STOA_ASSERT(!same_shape);
  here.push_back(routes_.size());
  return routes_.emplace_back(std::move(route));
}

void Router::mount(std::string prefix, Route route) {
  if (const int version = version_of(segments_of(prefix).front()); version > 0)
    versions_.insert(version);
  const bool fresh = mounts_.emplace(std::move(prefix), std::move(route)).second;
  STOA_ASSERT(fresh);
}

const Route* Router::mounted_at(std::string_view path) const {
  const auto is_at = [&](const auto& mount) {
    const auto& prefix = mount.first;
    return path.starts_with(prefix) &&
           (path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/');
  };
  const auto at = std::ranges::find_if(mounts_, is_at);
  return at == mounts_.end() ? nullptr : &at->second;
}

template <class Visit>
void Router::walk(Segments segments, std::size_t node, std::size_t at, unsigned parameters,
                  const Visit& visit) const {
  const auto& from = nodes_[node];
  if (at == segments.size()) return visit(from, parameters);
  const auto word = std::lower_bound(from.words.begin(), from.words.end(), segments[at], is_before);
  if (word != from.words.end() && word->first == segments[at])
    walk(segments, word->second, at + 1, parameters, visit);
  if (from.parameter != 0 && can_be_parameter(segments[at]))
    walk(segments, from.parameter, at + 1, parameters | 1U << at, visit);
}

const Route* Router::find(std::string_view method, Segments segments) const {
  const Route* best = nullptr;
  int fewest = 0;
  walk(segments, 0, 0, 0, [&](const Node& node, unsigned parameters) {
    const int count = std::popcount(parameters);
    for (const auto at : node.routes) {
      const auto* route = &routes_[at];
      if (route->method != method) continue;
      if (best != nullptr && (count > fewest || (count == fewest && route > best))) continue;
      best = route;
      fewest = count;
    }
  });
  return best;
}

Result<Router::Match> Router::match(std::string_view method, std::string_view path) const {
  if (!path.starts_with('/'))
    return fail(ErrorKind::not_found, "route_not_found", "There is nothing at this path.");
  std::array<std::string_view, segments_max> places;
  std::size_t count = 0;
  const bool fits = split(path, [&](std::string_view segment) {
    if (count == places.size()) return false;
    places[count++] = segment;
    return true;
  });
  const Segments segments(places.data(), count);
  const auto* route =
      fits ? find(method == "HEAD" ? std::string_view("GET") : method, segments) : nullptr;
  if (route == nullptr) {
    if (const auto* mounted = mounted_at(path)) return Match{mounted, {}};
    return fits ? no_match(segments) : nothing_at(segments.front());
  }
  Match found{route, {}};
  count = 0;
  split(route->path, [&](std::string_view segment) {
    const auto value = segments[count++];
    if (is_parameter(segment))
      found.params.emplace_back(parameter_name(segment), value_of(value).value());
    return true;
  });
  return found;
}

std::unexpected<Error> Router::no_match(Segments segments) const {
  std::set<std::size_t> others;
  walk(segments, 0, 0, 0,
       [&](const Node& node, unsigned) { others.insert(node.routes.begin(), node.routes.end()); });
  if (others.empty()) return nothing_at(segments.front());
  std::string allowed;
  for (const auto at : others) {
    if (!allowed.empty()) allowed += ", ";
    allowed += routes_[at].method;
    if (routes_[at].method == "GET") allowed += ", HEAD";
  }
  return fail(Error{ErrorKind::method_not_allowed,
                    "method_not_allowed",
                    "This path takes " + allowed + ".",
                    {},
                    allowed});
}

std::string openapi(const Router& router, std::string_view version) {
  json::Schemas schemas;
  std::map<std::string, std::vector<const Route*>> paths;
  for (const auto& route : router.routes()) paths[route.path].push_back(&route);
  json::Writer w;
  w.out = R"({"openapi":"3.1.0","info":{"title":"Stoa","version":)";
  w.text(version);
  w.out += R"(,"license":{"name":"MIT","identifier":"MIT"}},"servers":[{"url":"/"}],"paths":{)";
  for (const auto& [path, routes] : paths) {
    if (!w.out.ends_with('{')) w.out += ',';
    w.text(path);
    w.out += ":{";
    for (const auto* route : routes) {
      if (!w.out.ends_with('{')) w.out += ',';
      w.text(ascii_lower(route->method));
      w.out += ':';
      write_operation(w, *route, schemas);
    }
    w.out += '}';
  }
  w.out += R"(},"components":{"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"}},)";
  w.out += R"("schemas":{"Problem":)" + std::string(problem_schema);
  for (const auto& [name, schema] : schemas.components()) {
    w.out += ',';
    w.text(name);
    w.out += ':' + schema;
  }
  w.out += "}}}";
  return std::move(w.out);
}

}  // namespace stoa::http
