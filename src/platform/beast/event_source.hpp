#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "kernel/http/event_lines.hpp"
#include "platform/beast/http_client.hpp"

namespace stoa::beast {

/// One request for server-sent events and how it ended.
struct EventRequest {
  std::string host;
  std::uint16_t port = 80;
  std::string target;
  Headers headers = {};
  /// For connecting, for the answer's header, and between two pieces: longer than the heartbeats of
  /// the server are apart.
  std::chrono::milliseconds silence_max{60'000};
};

enum class StreamEnd {
  taken,       ///< `take` had enough
  ended,       ///< by the server, or the connection was lost
  told_to_end  ///< SIGINT or SIGTERM
};

/// Blocks until the stream ends. While it runs, SIGINT and SIGTERM end it instead of the process.
/// `unreachable` when no answer came, `refused` with the answer's own words when it is none of 200.
Result<StreamEnd> read_events(const EventRequest& request, http::EventLines& lines,
                              const http::EventLines::Take& take);

}  // namespace stoa::beast
