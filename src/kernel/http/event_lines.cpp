#include "kernel/http/event_lines.hpp"

#include <algorithm>

namespace stoa::http {

Result<bool> EventLines::push(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    if (line_.size() + event_.data.size() + end > event_bytes_max)
      return fail(ErrorKind::too_large, "event_too_large", "An event of the stream is too large.");
    line_.append(bytes.substr(0, end));
    if (end == bytes.size()) return true;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!end_line(take)) return false;
  }
  return true;
}

bool EventLines::end_line(const Take& take) {
  const auto line = std::exchange(line_, {});
  if (line.empty()) return end_event(take);
  const auto colon = std::min(line.find(':'), line.size());
  const auto name = std::string_view(line).substr(0, colon);
  auto value = std::string_view(line).substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.type = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
  return true;
}

void EventLines::restart() {
  line_.clear();
  event_ = {last_id_, {}, {}};
  has_data_ = after_cr_ = false;
}

bool EventLines::end_event(const Take& take) {
  last_id_ = event_.id;
  const auto event = std::exchange(event_, {event_.id, {}, {}});
  if (!std::exchange(has_data_, false)) return true;
  return take(event.type.empty() ? ReceivedEvent{event.id, "message", event.data} : event);
}

}  // namespace stoa::http
