#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/http/message.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::http {

Response json_response(int status, std::string body);

/// `unsupported_media_type` unless the body is declared as application/json.
Result<void> require_json(const Request& request);

template <class Body>
Result<Body> read_body(const Request& request) {
  if (auto json = require_json(request); !json) return fail(std::move(json.error()));
  return json::read_input<Body>(request.body);
}

/// The header Idempotency-Key: 1 to 255 printable characters.
Result<std::string> idempotency_key(const Request& request);

/// Seconds of `Prefer: wait=N`, 0 to 30; 0 when absent or not a number.
int prefer_wait_seconds(const Request& request);

/// The revision of `If-Match: "N"` or `"N-…"`; nothing when absent or `*`; `invalid_if_match`
/// otherwise.
Result<std::optional<std::int64_t>> if_match_revision(const Request& request);

/// Reads the query of a request and collects every fault: what no reader asked for is unknown.
class Query {
 public:
  explicit Query(const Request& request);
  std::optional<std::string> text(std::string_view name);
  std::int64_t integer(std::string_view name, std::int64_t min, std::int64_t max,
                       std::int64_t initial);
  std::optional<Timestamp> time(std::string_view name);
  bool flag(std::string_view name, bool initial);
  void error(std::string_view name, std::string code, std::string message);
  /// `invalid_query` with all faults.
  [[nodiscard]] Result<void> finish();

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
  std::set<std::string, std::less<>> known_;
  std::vector<FieldError> errors_;
};

}  // namespace stoa::http
