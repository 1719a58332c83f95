#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"

namespace stoa::http {

/// One server-sent event as its client gets it.
struct ReceivedEvent {
  std::string id;    ///< of the stream so far: an event without an id keeps the one before
  std::string type;  ///< `message` when it has none
  std::string data;
};

/// Reads a stream of server-sent events while it arrives, as the HTML standard says: any of its
/// three line ends, comments passed over, events without data not told of (their id counts).
class EventLines {
 public:
  static constexpr std::size_t event_bytes_max = std::size_t{16} << 20;

  /// `take` gets each event that ends in `bytes`; false ends the reading at once.
  using Take = std::function<bool(const ReceivedEvent&)>;
  /// Whether to go on; `event_too_large` when one is beyond the most.
  Result<bool> push(std::string_view bytes, const Take& take);

  /// What to send as Last-Event-ID: of the last event that has ended; empty before the first.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  /// What comes next is the beginning of another stream: forgets an event that has not ended.
  void restart();

 private:
  bool end_line(const Take& take);
  bool end_event(const Take& take);

  std::string line_;
  ReceivedEvent event_;  ///< that has not ended
  std::string last_id_;
  bool has_data_ = false;
  bool after_cr_ = false;
};

}  // namespace stoa::http
