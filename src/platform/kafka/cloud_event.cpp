#include "platform/kafka/cloud_event.hpp"

#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "platform/kafka/handle.hpp"

namespace stoa::kafka {
namespace {

using Headers = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;

void add(rd_kafka_headers_t* headers, const char* name, std::string_view value) {
  rd_kafka_header_add(headers, name, -1, value.data(), static_cast<ssize_t>(value.size()));
}

class HeaderReader {
 public:
  explicit HeaderReader(const rd_kafka_message_t& message) {
    if (rd_kafka_message_headers(&message, &headers_) != RD_KAFKA_RESP_ERR_NO_ERROR)
      headers_ = nullptr;
  }
  /// Empty when it is not there.
  [[nodiscard]] std::string_view text(const char* name) const {
    const void* value = nullptr;
    std::size_t size = 0;
    if (headers_ == nullptr ||
        rd_kafka_header_get_last(headers_, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
      return {};
    return {static_cast<const char*>(value), size};
  }
  [[nodiscard]] std::optional<std::int64_t> number(const char* name) const {
    const auto digits = text(name);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size() || number < 0)
      return std::nullopt;
    return number;
  }

 private:
  rd_kafka_headers_t* headers_ = nullptr;
};

std::string_view bytes_of(const void* data, std::size_t size) {
  return data == nullptr ? std::string_view{}
                         : std::string_view(static_cast<const char*>(data), size);
}

}  // namespace

rd_kafka_resp_err_t produce(rd_kafka_t* producer, const messaging::Message& message, void* opaque) {
  constexpr std::size_t headers_count = 12;
  Headers headers(rd_kafka_headers_new(headers_count));
  add(headers.get(), "ce_specversion", "1.0");
  add(headers.get(), "ce_id", message.id);
  add(headers.get(), "ce_source", message.source);
  add(headers.get(), "ce_type", message.type);
  add(headers.get(), "ce_time", to_rfc3339(message.time));
  add(headers.get(), "content-type", "application/json");
  if (!message.traceparent.empty()) add(headers.get(), "ce_traceparent", message.traceparent);
  add(headers.get(), "ce_epoch", std::to_string(message.epoch));
  add(headers.get(), "ce_position", std::to_string(message.position));
  add(headers.get(), "ce_previousposition", std::to_string(message.previous_position));
  const auto& carrier = message.carrier();
  if (message.replay_lane) {
    add(headers.get(), "ce_lanetopic", message.lane.topic);
    add(headers.get(), "ce_lanepartition", std::to_string(message.lane.partition));
  }
  std::array<rd_kafka_vu_t, 7> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = carrier.topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[1].u.i32 = carrier.partition;
  parts[2].vtype = RD_KAFKA_VTYPE_KEY;
  parts[2].u.mem = {const_cast<char*>(message.key.data()), message.key.size()};
  parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[3].u.mem = {const_cast<char*>(message.data.data()), message.data.size()};
  parts[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[4].u.i = RD_KAFKA_MSG_F_COPY;
  parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[5].u.ptr = opaque;
  parts[6].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[6].u.headers = headers.get();
  const KafkaError error(rd_kafka_produceva(producer, parts.data(), parts.size()));
  if (error) return rd_kafka_error_code(error.get());
  [[maybe_unused]] auto* const of_the_message = headers.release();
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

messaging::Source::Received read(const rd_kafka_message_t& message, bool is_replay) {
  messaging::Source::Received received;
  auto& to = received.message;
  received.offset = message.offset;
  to.lane = {rd_kafka_topic_name(message.rkt), message.partition};
  to.key = bytes_of(message.key, message.key_len);
  to.data = bytes_of(message.payload, message.len);
  const HeaderReader headers(message);
  to.id = headers.text("ce_id");
  to.source = headers.text("ce_source");
  to.type = headers.text("ce_type");
  to.traceparent = headers.text("ce_traceparent");
  const auto time = from_rfc3339(headers.text("ce_time"));
  const auto epoch = headers.number("ce_epoch");
  const auto position = headers.number("ce_position");
  const auto previous = headers.number("ce_previousposition");
  if (!time || !epoch || !position || !previous || to.id.empty() || to.type.empty() ||
      headers.text("ce_specversion") != "1.0") {
    received.fault = "it is no CloudEvent of a Stoa";
    return received;
  }
  if (is_replay) {
    const auto topic = headers.text("ce_lanetopic");
    const auto partition = headers.number("ce_lanepartition");
    if (topic.empty() || !partition) {
      received.fault = "it does not say which lane it stands for";
      return received;
    }
    to.replay_lane = std::move(to.lane);
    to.lane = {std::string(topic), static_cast<int>(*partition)};
  }
  to.time = *time;
  to.epoch = *epoch;
  to.position = *position;
  to.previous_position = *previous;
  return received;
}

}  // namespace stoa::kafka
