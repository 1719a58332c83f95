#include "main/event_tail.hpp"

#include <algorithm>
#include <iostream>
#include <thread>

#include "kernel/base/text.hpp"
#include "kernel/json/value.hpp"
#include "main/replay_crew.hpp"
#include "platform/beast/event_source.hpp"

namespace stoa {
namespace {

constexpr std::chrono::milliseconds pause_min{200};
constexpr std::chrono::milliseconds pause_max{5'000};

int say(const std::string& sentence) {
  std::cerr << "stoa: " << sentence << "\n";
  return 1;
}

class Filter {
 public:
  explicit Filter(const TailSelection& selection) : selection_(selection) {}
  [[nodiscard]] bool wants(const std::string& data) const {
    if (selection_.service.empty() && selection_.subject.empty()) return true;
    const auto item = json::parse(data);
    const auto* members = item ? item->if_object() : nullptr;
    return members != nullptr && is(*members, "service", selection_.service) &&
           is(*members, "subject", selection_.subject);
  }

 private:
  static bool is(const json::Object& members, std::string_view name, const std::string& wanted) {
    if (wanted.empty()) return true;
    const auto* value = members.if_contains(name);
    return value != nullptr && value->is_string() && value->get_string() == wanted;
  }
  const TailSelection& selection_;
};

}  // namespace

int tail_events(const ShopClientOptions& shop, const TailSelection& selection) {
  const auto address = ShopAddress::parse(shop.url);
  if (!address) return say(address.error().detail);
  const beast::EventRequest request{
      address->host,
      address->port,
      "/v1/events/stream?after=" +
          percent_encode(selection.after.empty() ? "now" : selection.after) +
          "&types=" + percent_encode(selection.types),
      {{"Authorization", "Bearer " + shop.key}}};
  const Filter filter(selection);
  http::EventLines lines;
  std::int64_t printed = 0;
  auto pause = pause_min;
  const auto take = [&](const http::ReceivedEvent& event) {
    pause = pause_min;
    if (!filter.wants(event.data)) return true;
    std::cout << event.data << std::endl;  // at once, also into a pipe
    return ++printed != selection.limit && std::cout.good();
  };
  for (bool answered = false;;) {
    const auto ended = beast::read_events(request, lines, take);
    if (!ended && (!answered || ended.error().kind != ErrorKind::unavailable))
      return say(ended.error().detail);
    if (ended && *ended != beast::StreamEnd::ended) break;
    answered = true;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, pause_max);
  }
  if (!lines.last_id().empty()) std::cerr << "next: " << lines.last_id() << "\n";
  return 0;
}

}  // namespace stoa
