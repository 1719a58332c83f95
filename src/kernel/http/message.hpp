#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/result.hpp"
#include "kernel/eventlog/event_log.hpp"

namespace stoa::http {

struct Route;
class Stream;

/// Who calls, as the gateway established it.
enum class Principal { anonymous, publishable, secret };

struct Request {
  std::string method;
  std::string path;  ///< without the query, still percent-encoded
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  /// When there is one, it follows `body` and is still coming
  /// (`RouteLimits::whole_body_bytes_max`): its client is held back until it is asked for. Broken
  /// once the request is answered, too.
  std::shared_ptr<Stream> stream = {};
  const Route* route = nullptr;                             ///< that serves it, once it is found
  std::vector<std::pair<std::string, std::string>> params;  ///< of the path, decoded
  Principal principal = Principal::anonymous;
  std::string client_address;  ///< of the peer, without its port
  std::string request_id;
  std::string traceparent;
  Timestamp received_at;

  /// Empty when absent. Names in lower case.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] const std::string& param(std::string_view name) const;
  /// Decoded parameters of the query in order; nothing when it is malformed.
  [[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string>>> query_pairs() const;
  [[nodiscard]] Cause cause() const;
};

/// The rest of an answer that comes piece by piece for as long as its client listens. The server
/// asks for a piece when the client has taken the one before: a slow client holds one and no more.
/// Let go when the client has gone or the server stops. The rest of a request's body is one too.
class Stream {
 public:
  using Take = std::function<void(std::string piece)>;
  virtual ~Stream() = default;
  /// Calls `take` once, from any thread, as soon as there is a piece; an empty one ends the stream.
  /// Asked again only after that.
  virtual void next(Take take) = 0;
  /// Sent when nothing has come for a while; says nothing. Empty: nothing is sent.
  [[nodiscard]] virtual std::string_view heartbeat() const = 0;
  /// Whether it ended too early. Asked after the empty piece: the client's connection is then cut
  /// off, so that what it has is not taken for the whole.
  [[nodiscard]] virtual bool is_broken() const { return false; }
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<Stream> stream = {};  ///< when there is one, it follows `body`
  bool negotiated = false;  ///< has its ETag, and the coding that the client prefers, already
};

using RequestPtr = std::shared_ptr<const Request>;
/// Called exactly once, from any thread.
using Reply = std::function<void(Response)>;

int status_of(ErrorKind kind);

/// RFC 9457 `application/problem+json`.
Response problem(const Error& error, const Request& request);
/// With a status that no ErrorKind has, such as 431.
Response problem(const Error& error, const Request& request, int status, std::string_view title);

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as RFC 9110 writes dates.
std::string http_date(Timestamp time);

}  // namespace stoa::http
