#include "kernel/http/router.hpp"

#include <algorithm>
#include <map>

#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }
std::string_view parameter_name(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

using Params = std::vector<std::pair<std::string, std::string>>;

std::optional<Params> match_path(const std::vector<std::string>& wanted,
                                 const std::vector<std::string_view>& segments) {
  if (wanted.size() != segments.size()) return std::nullopt;
  Params params;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (!is_parameter(wanted[at])) {
      if (wanted[at] != segments[at]) return std::nullopt;
      continue;
    }
    auto value = percent_decode(segments[at]);
    if (!value || value->empty() || value->size() > 1024 || !is_utf8(*value) ||
        has_control_characters(*value, false))
      return std::nullopt;
    params.emplace_back(parameter_name(wanted[at]), std::move(*value));
  }
  return params;
}

bool same_shape(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& one, const auto& other) {
    return one == other || (is_parameter(one) && is_parameter(other));
  });
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

void write_operation(json::Writer& w, const Route& route, json::Schemas& schemas) {
  w.out += R"({"operationId":)";
  w.text(operation_id(route));
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
  w.out += R"(,"responses":{")" + std::to_string(route.status) + R"(":{"description":"Done")";
  if (route.answer)
    w.out +=
        R"(,"content":{")" + route.answer_type + R"(":{"schema":)" + route.answer(schemas) + "}}";
  w.out += R"(},"default":{"description":"A problem as of RFC 9457","content":)"
           R"({"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}}}})";
}

constexpr std::string_view problem_schema =
    R"({"type":"object","required":["status","code","detail","errors"],"properties":{)"
    R"("type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},)"
    R"("code":{"type":"string"},"detail":{"type":"string"},"errors":{"type":"array","items":)"
    R"({"type":"object","properties":{"pointer":{"type":"string"},"code":{"type":"string"},)"
    R"("message":{"type":"string"}}}},"request_id":{"type":"string"},)"
    R"("trace_id":{"type":"string"}}})";

}  // namespace

void Router::add(Route route) {
  const auto segments = segments_of(route.path);
  std::vector<std::string> pattern(segments.begin(), segments.end());
  for (std::size_t at = 0; at < routes_.size(); ++at)
    STOA_ASSERT(routes_[at].method != route.method || !same_shape(patterns_[at], pattern));
  patterns_.push_back(std::move(pattern));
  routes_.push_back(std::move(route));
}

Result<Router::Match> Router::match(std::string_view method, std::string_view path) const {
  if (!path.starts_with('/'))
    return fail(ErrorKind::not_found, "route_not_found", "There is nothing at this path.");
  const auto segments = segments_of(path);
  const auto wanted = method == "HEAD" ? std::string_view("GET") : method;
  std::string allowed;
  std::optional<Match> best;
  for (std::size_t at = 0; at < routes_.size(); ++at) {
    const auto& route = routes_[at];
    auto params = match_path(patterns_[at], segments);
    if (!params) continue;
    if (route.method == wanted && (!best || params->size() < best->params.size()))
      best = Match{&route, std::move(*params)};
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (best) return std::move(*best);
  if (allowed.empty())
    return fail(ErrorKind::not_found, "route_not_found", "There is nothing at this path.");
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
