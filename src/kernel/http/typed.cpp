#include "kernel/http/typed.hpp"

#include <algorithm>
#include <charconv>

#include "kernel/base/text.hpp"

namespace stoa::http {
namespace {

std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

}  // namespace

Response json_response(int status, std::string body) {
  return {status, std::move(body), "application/json", {}};
}

Result<void> require_json(const Request& request) {
  const auto type = request.header("content-type");
  if (ascii_iequals(trim(type.substr(0, type.find(';'))), "application/json")) return {};
  return fail(ErrorKind::unsupported_media, "unsupported_media_type",
              "The body must be declared as application/json.");
}

Result<std::string> idempotency_key(const Request& request) {
  const auto key = request.header("idempotency-key");
  const auto refuse = [](ErrorKind kind, const std::string& code, const std::string& message) {
    return fail(Error{kind, code, message, {{"header/Idempotency-Key", code, message}}});
  };
  if (key.empty())
    return refuse(ErrorKind::precondition_required, "idempotency_key_missing",
                  "This operation needs an Idempotency-Key.");
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  if (key.size() > 255 || !printable)
    return refuse(ErrorKind::invalid, "idempotency_key_invalid",
                  "An Idempotency-Key has 1 to 255 printable characters.");
  return std::string(key);
}

int prefer_wait_seconds(const Request& request) {
  auto rest = request.header("prefer");
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    const auto preference = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!ascii_iequals(preference.substr(0, 5), "wait=")) continue;
    const auto digits = trim(preference.substr(5, preference.find(';') - 5));
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
      return 0;
    return digits.size() > 4 ? 30
                             : static_cast<int>(std::min<std::int64_t>(*integer_of(digits), 30));
  }
  return 0;
}

Result<std::optional<std::int64_t>> if_match_revision(const Request& request) {
  auto text = request.header("if-match");
  if (text.empty() || text == "*") return std::optional<std::int64_t>{};
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() > 2 && text.starts_with('"') && text.ends_with('"')) {
    // What follows a hyphen tells the form in which the resource was sent.
    const auto tag = text.substr(1, text.size() - 2);
    const auto revision = integer_of(tag.substr(0, tag.find('-', 1)));
    if (revision && *revision >= 0) return revision;
  }
  return fail(Error{ErrorKind::invalid,
                    "invalid_if_match",
                    "If-Match must be the ETag of the resource.",
                    {{"header/If-Match", "invalid_if_match", "Must be an ETag as answered."}}});
}

Query::Query(const Request& request) {
  auto pairs = request.query_pairs();
  if (!pairs) {
    error("", "malformed", "The query is not well percent-encoded UTF-8.");
    return;
  }
  pairs_ = std::move(*pairs);
}

std::optional<std::string> Query::text(std::string_view name) {
  known_.emplace(name);
  std::optional<std::string> found;
  for (const auto& [key, value] : pairs_) {
    if (key != name) continue;
    if (found) error(name, "given_twice", "Must be given once.");
    if (value.size() > 1000 || has_control_characters(value, false))
      error(name, "wrong_form", "Must have at most 1000 characters, none of control.");
    found = value;
  }
  return found;
}

std::int64_t Query::integer(std::string_view name, std::int64_t min, std::int64_t max,
                            std::int64_t initial) {
  const auto given = text(name);
  if (!given) return initial;
  const auto value = integer_of(*given);
  if (value && *value >= min && *value <= max) return *value;
  error(name, "out_of_range",
        "Must be a whole number from " + std::to_string(min) + " to " + std::to_string(max) + ".");
  return initial;
}

std::optional<Timestamp> Query::time(std::string_view name) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  const auto time = from_rfc3339(*given);
  if (!time) error(name, "wrong_time", "Must be a time of RFC 3339.");
  return time;
}

bool Query::flag(std::string_view name, bool initial) {
  const auto given = text(name);
  if (!given) return initial;
  if (*given != "true" && *given != "false") error(name, "wrong_flag", "Must be true or false.");
  return *given == "true";
}

void Query::error(std::string_view name, std::string code, std::string message) {
  errors_.push_back({"query/" + std::string(name), std::move(code), std::move(message)});
}

Result<void> Query::finish() {
  for (const auto& [key, value] : pairs_)
    if (!known_.contains(key))
      error(key.substr(0, 100), "unknown_parameter", "This parameter is not known here.");
  if (errors_.empty()) return {};
  return fail(Error{ErrorKind::invalid, "invalid_query",
                    "The query breaks the rules of this operation; see errors.",
                    std::move(errors_)});
}

}  // namespace stoa::http
