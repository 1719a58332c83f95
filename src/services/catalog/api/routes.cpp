#include "services/catalog/api/routes.hpp"

#include <algorithm>

#include "kernel/base/text.hpp"
#include "kernel/http/from_store.hpp"

namespace stoa::catalog {

void Api::read(const http::RequestPtr& request, http::Reply reply,
               std::function<http::Response(const Rows&, EventLog&)> ask) const {
  http::answer_from_store(context.readers, request, std::move(reply),
                          [ask = std::move(ask), open = open_rows](Store store) {
                            return ask(open(store.db), store.log);
                          });
}

void Api::list(const http::RequestPtr& request, http::Reply reply,
               std::function<http::Response(const Rows&, EventLog&)> ask) const {
  http::answer_from_replica(context.readers, request, std::move(reply),
                            [ask = std::move(ask), open = open_rows](Store store) {
                              return ask(open(store.db), store.log);
                            });
}

http::Response resource(int status, std::string body, std::int64_t revision,
                        const std::string& location) {
  auto response = http::json_response(status, std::move(body));
  response.headers.emplace_back("ETag", http::revision_tag(revision));
  if (!location.empty()) response.headers.emplace_back("Location", location);
  return response;
}

Result<IdempotencyKey> key_of(const Api& api, const http::Request& request) {
  auto key = http::idempotency_key(request);
  if (!key) return fail(std::move(key.error()));
  return IdempotencyKey{"secret", request.method + " " + request.path, std::move(*key),
                        to_hex(api.context.crypto.sha256(request.body))};
}

std::string to_cursor(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text.append(text.empty() ? "" : "\x1f").append(part);
  auto cursor = to_base64(text);
  std::replace(cursor.begin(), cursor.end(), '+', '-');
  std::replace(cursor.begin(), cursor.end(), '/', '_');
  while (cursor.ends_with('=')) cursor.pop_back();
  return cursor;
}

std::optional<std::vector<std::string>> from_cursor(std::string_view text) {
  std::string base64(text);
  std::replace(base64.begin(), base64.end(), '-', '+');
  std::replace(base64.begin(), base64.end(), '_', '/');
  while (base64.size() % 4 != 0) base64 += '=';
  const auto joined = from_base64(base64);
  if (!joined || !is_utf8(*joined)) return std::nullopt;
  std::vector<std::string> parts(1);
  for (const char c : *joined) {
    if (c == '\x1f') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace stoa::catalog
