#include "kernel/http/message.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "kernel/base/text.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::http {
namespace {

struct ProblemError {
  std::string pointer, code, message;
  static constexpr auto fields() {
    using namespace json;
    using P = ProblemError;
    return std::tuple{field("pointer", &P::pointer), field("code", &P::code),
                      field("message", &P::message)};
  }
};

struct ProblemBody {
  std::string type, title;
  std::int64_t status = 0;
  std::string code, detail;
  std::vector<ProblemError> errors;
  std::string request_id, trace_id;
  static constexpr auto fields() {
    using namespace json;
    using P = ProblemBody;
    return std::tuple{field("type", &P::type),
                      field("title", &P::title),
                      field("status", &P::status),
                      field("code", &P::code),
                      field("detail", &P::detail),
                      field("errors", &P::errors),
                      field("request_id", &P::request_id),
                      field("trace_id", &P::trace_id)};
  }
};

std::string_view title_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::malformed:
      return "Bad request";
    case ErrorKind::unauthenticated:
      return "Not authenticated";
    case ErrorKind::forbidden:
      return "Not allowed";
    case ErrorKind::not_found:
      return "Not found";
    case ErrorKind::method_not_allowed:
      return "Method not allowed";
    case ErrorKind::timeout:
      return "Request timeout";
    case ErrorKind::conflict:
      return "Conflict";
    case ErrorKind::precondition_failed:
      return "Precondition failed";
    case ErrorKind::too_large:
      return "Content too large";
    case ErrorKind::unsupported_media:
      return "Unsupported media type";
    case ErrorKind::invalid:
      return "Invalid input";
    case ErrorKind::precondition_required:
      return "Precondition required";
    case ErrorKind::rate_limited:
      return "Too many requests";
    case ErrorKind::internal:
      return "Internal error";
    case ErrorKind::unavailable:
      return "Unavailable";
  }
  return "Error";
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

const std::string& Request::param(std::string_view name) const {
  const auto at = std::find_if(params.begin(), params.end(),
                               [&](const auto& one) { return one.first == name; });
  STOA_ASSERT(at != params.end());
  return at->second;
}

std::optional<std::vector<std::pair<std::string, std::string>>> Request::query_pairs() const {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string_view rest = query;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    std::string part(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty()) continue;
    std::replace(part.begin(), part.end(), '+', ' ');
    const auto equals = std::min(part.find('='), part.size());
    auto name = percent_decode(std::string_view(part).substr(0, equals));
    auto value = percent_decode(std::string_view(part).substr(std::min(equals + 1, part.size())));
    if (!name || !value || !is_utf8(*name) || !is_utf8(*value)) return std::nullopt;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

Cause Request::cause() const {
  constexpr std::string_view names[] = {"anonymous", "publishable", "secret"};
  return {std::string(names[static_cast<std::size_t>(principal)]), request_id, request_id,
          traceparent};
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::malformed:
      return 400;
    case ErrorKind::unauthenticated:
      return 401;
    case ErrorKind::forbidden:
      return 403;
    case ErrorKind::not_found:
      return 404;
    case ErrorKind::method_not_allowed:
      return 405;
    case ErrorKind::timeout:
      return 408;
    case ErrorKind::conflict:
      return 409;
    case ErrorKind::precondition_failed:
      return 412;
    case ErrorKind::too_large:
      return 413;
    case ErrorKind::unsupported_media:
      return 415;
    case ErrorKind::invalid:
      return 422;
    case ErrorKind::precondition_required:
      return 428;
    case ErrorKind::rate_limited:
      return 429;
    case ErrorKind::internal:
      return 500;
    case ErrorKind::unavailable:
      return 503;
  }
  return 500;
}

Response problem(const Error& error, const Request& request) {
  return problem(error, request, status_of(error.kind), title_of(error.kind));
}

Response problem(const Error& error, const Request& request, int status, std::string_view title) {
  ProblemBody body;
  body.type = "about:blank";
  body.title = title;
  body.status = status;
  body.code = error.code;
  body.detail = error.detail;
  for (const auto& one : error.fields) body.errors.push_back({one.pointer, one.code, one.message});
  body.request_id = request.request_id;
  if (request.traceparent.size() == 55) body.trace_id = request.traceparent.substr(3, 32);
  Response response{status, json::to_json(body), "application/problem+json", {}};
  if (!error.location.empty()) {
    const bool allow = error.kind == ErrorKind::method_not_allowed;
    response.headers.emplace_back(allow ? "Allow" : "Location", error.location);
  }
  if (error.kind == ErrorKind::unavailable || error.kind == ErrorKind::rate_limited)
    response.headers.emplace_back("Retry-After", "1");
  if (error.kind == ErrorKind::unauthenticated)
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

std::string http_date(Timestamp time) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  // Every answer has the date, and most have the one of the answer before.
  thread_local std::pair<std::time_t, std::string> last;
  if (!last.second.empty() && last.first == seconds) return last.second;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[40];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday],
                parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  last = {seconds, text};
  return last.second;
}

}  // namespace stoa::http
