#include "main/asyncapi.hpp"

namespace stoa {
namespace {

std::string json_text(std::string_view text) {
  json::Writer w;
  w.text(text);
  return std::move(w.out);
}

/// What stands around an event's own data.
std::string envelope_schema(const std::string& service, std::string_view type,
                            const std::string& data) {
  return R"({"type":"object","additionalProperties":false,"required":["id","service","type",)"
         R"("subject","position","previous_position","recorded_at","data"],"properties":{)"
         R"("id":{"type":"string","description":"The same event has the same id for ever"},)"
         R"("service":{"const":)" +
         json_text(service) + R"(},"type":{"const":)" + json_text(type) +
         R"(},"subject":{"type":"string","description":"The stream it is of"},)"
         R"("position":{"type":"integer","minimum":1},)"
         R"("previous_position":{"type":"integer","minimum":0,"description":)"
         R"("Position of the event before, of those that were asked for"},)"
         R"("recorded_at":{"type":"string","format":"date-time"},"data":)" +
         data + "}}";
}

std::string envelope_example(const std::string& service, std::string_view type,
                             const std::string& data) {
  return R"({"id":)" + json_text(service + ":stream@3") + R"(,"service":)" + json_text(service) +
         R"(,"type":)" + json_text(type) +
         R"(,"subject":"stream","position":7,"previous_position":5,)"
         R"("recorded_at":"2026-11-24T09:30:00.123456Z","data":)" +
         data + "}";
}

}  // namespace

void AsyncApi::add_message(const std::string& service, std::string_view type,
                           const std::string& data, const std::string& example) {
  messages_.emplace(type, R"({"name":)" + json_text(type) +
                              R"(,"contentType":"application/json","tags":[{"name":)" +
                              json_text(service) + R"(}],"payload":)" +
                              envelope_schema(service, type, data) +
                              R"(,"examples":[{"name":"sample","payload":)" +
                              envelope_example(service, type, example) + "}]}");
}

std::string AsyncApi::text(std::string_view version) const {
  std::string of_channel;
  std::string of_operation;
  std::string of_components;
  std::string schemas;
  const auto next = [](std::string& list) -> std::string& {
    return list.empty() ? list : list += ',';
  };
  for (const auto& [type, message] : messages_) {
    const auto name = json_text(type);
    next(of_channel).append(name).append(R"(:{"$ref":"#/components/messages/)" + type + "\"}");
    next(of_operation).append(R"({"$ref":"#/channels/events/messages/)" + type + "\"}");
    next(of_components).append(name).append(":").append(message);
  }
  for (auto [name, schema] : schemas_.components()) {
    // How long a text may be is a rule of requests; an event says what is.
    for (const std::string_view bound : {",\"maxLength\":", ",\"minLength\":"})
      for (auto at = schema.find(bound); at != std::string::npos; at = schema.find(bound, at))
        schema.erase(at, schema.find_first_of(",}", at + bound.size()) - at);
    next(schemas).append(json_text(name)).append(":").append(schema);
  }
  return R"({"asyncapi":"3.0.0","info":{"title":"Stoa's integration events","version":)" +
         json_text(version) +
         R"(,"license":{"name":"MIT"},"description":"An ordered feed without gaps: ask with )"
         R"(after=next_after of the page before. Types end in their version; a new version is )"
         R"(another type."},"defaultContentType":"application/json","servers":{"shop":{)"
         R"("host":"{host}","protocol":"http","variables":{"host":{"default":"localhost:5000"}},)"
         R"("security":[{"$ref":"#/components/securitySchemes/bearer"}]}},)"
         R"("channels":{"events":{"address":"/v1/events","messages":{)" +
         of_channel +
         R"(}}},"operations":{"publishEvents":{"action":"send","channel":)"
         R"({"$ref":"#/channels/events"},"messages":[)" +
         of_operation +
         R"(]}},"components":{"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"}},)"
         R"("messages":{)" +
         of_components + R"(},"schemas":{)" + schemas + "}}}";
}

}  // namespace stoa
