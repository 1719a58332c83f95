#pragma once

#include <map>
#include <string>
#include <string_view>

#include "kernel/eventlog/journal.hpp"
#include "kernel/json/sample.hpp"

namespace stoa {

/// An AsyncAPI 3.0 document, made of the types that are published: it cannot drift from them.
class AsyncApi {
 public:
  template <class Event>
  void add(const std::string& service) {
    add_message(service, Event::type, json::Codec<Event>::schema(schemas_, json::Unbounded{}),
                json::sample_json<Event>());
  }
  [[nodiscard]] std::string text(std::string_view version) const;

 private:
  void add_message(const std::string& service, std::string_view type, const std::string& data,
                   const std::string& example);

  json::Schemas schemas_;
  std::map<std::string, std::string> messages_;  ///< JSON of each, by its type
};

/// All versions of all events of a service's contract, a variant.
template <class Events>
void describe_events(AsyncApi& document, const std::string& service) {
  for_each_event_version<Events>(
      [&]<class Event>(std::type_identity<Event>) { document.add<Event>(service); });
}

}  // namespace stoa
