#include "platform/rabbitmq/wire.hpp"

namespace stoa::rabbitmq {
namespace {

constexpr std::uint8_t stored_on_disk = 2;
constexpr std::string_view tries_header = "stoa-tries";
constexpr std::string_view created_header = "stoa-created";
constexpr std::string_view trace_header = "traceparent";

std::string text_if(amqp_flags_t flags, amqp_flags_t flag, amqp_bytes_t bytes) {
  return (flags & flag) != 0 ? text_of(bytes) : std::string();
}

amqp_table_entry_t text_entry(std::string_view name, std::string_view value) {
  amqp_table_entry_t entry{bytes_of(name), {}};
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = bytes_of(value);
  return entry;
}

amqp_table_entry_t number_entry(std::string_view name, std::int64_t value) {
  amqp_table_entry_t entry{bytes_of(name), {}};
  entry.value.kind = AMQP_FIELD_KIND_I64;
  entry.value.value.i64 = value;
  return entry;
}

void read_headers(const amqp_table_t& headers, Incoming& incoming) {
  for (int at = 0; at < headers.num_entries; ++at) {
    const auto& [key, value] = headers.entries[at];
    const auto name = text_of(key);
    if (name == tries_header && value.kind == AMQP_FIELD_KIND_I64)
      incoming.tries = static_cast<int>(value.value.i64);
    if (value.kind != AMQP_FIELD_KIND_UTF8) continue;
    if (name == trace_header) incoming.task.traceparent = text_of(value.value.bytes);
    if (name == created_header)
      if (const auto time = from_rfc3339(text_of(value.value.bytes)))
        incoming.task.created_at = *time;
  }
}

}  // namespace

amqp_bytes_t bytes_of(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

std::string text_of(amqp_bytes_t bytes) {
  return bytes.len == 0 ? std::string() : std::string(static_cast<char*>(bytes.bytes), bytes.len);
}

Table::Table(const std::vector<Argument>& arguments) {
  for (const auto& [name, value] : arguments) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      entries_.push_back(text_entry(name, *text));
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      entries_.push_back(number_entry(name, *number));
    } else {
      amqp_table_entry_t entry{bytes_of(name), {}};
      entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
      entry.value.value.boolean = std::get<bool>(value) ? 1 : 0;
      entries_.push_back(entry);
    }
  }
}

amqp_table_t Table::get() const {
  return {static_cast<int>(entries_.size()), const_cast<amqp_table_entry_t*>(entries_.data())};
}

Properties::Properties(const Outgoing& message)
    : lives_(std::to_string(message.lives.count())), created_(to_rfc3339(message.task.created_at)) {
  const auto& task = message.task;
  auto& to = properties_;
  const auto set = [&](amqp_flags_t flag, amqp_bytes_t& member, std::string_view value) {
    if (value.empty()) return;
    to._flags |= flag;
    member = bytes_of(value);
  };
  set(AMQP_BASIC_CONTENT_TYPE_FLAG, to.content_type, "application/json");
  set(AMQP_BASIC_MESSAGE_ID_FLAG, to.message_id, task.id);
  set(AMQP_BASIC_TYPE_FLAG, to.type, task.type);
  set(AMQP_BASIC_CORRELATION_ID_FLAG, to.correlation_id, message.correlation_id);
  set(AMQP_BASIC_REPLY_TO_FLAG, to.reply_to, message.reply_to);
  if (message.lives.count() > 0) set(AMQP_BASIC_EXPIRATION_FLAG, to.expiration, lives_);
  to._flags |= AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_HEADERS_FLAG;
  to.timestamp = static_cast<std::uint64_t>(to_unix_milliseconds(task.created_at) / 1000);
  if (message.must_arrive) {
    to._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
    to.delivery_mode = stored_on_disk;
  }
  headers_ = {number_entry(tries_header, message.tries), text_entry(created_header, created_),
              text_entry(trace_header, task.traceparent)};
  to.headers = {static_cast<int>(headers_.size()), headers_.data()};
}

Incoming read(const amqp_message_t& message) {
  const auto& from = message.properties;
  Incoming incoming;
  incoming.task.id = text_if(from._flags, AMQP_BASIC_MESSAGE_ID_FLAG, from.message_id);
  incoming.task.type = text_if(from._flags, AMQP_BASIC_TYPE_FLAG, from.type);
  incoming.task.data = text_of(message.body);
  incoming.correlation_id =
      text_if(from._flags, AMQP_BASIC_CORRELATION_ID_FLAG, from.correlation_id);
  incoming.reply_to = text_if(from._flags, AMQP_BASIC_REPLY_TO_FLAG, from.reply_to);
  if ((from._flags & AMQP_BASIC_HEADERS_FLAG) != 0) read_headers(from.headers, incoming);
  return incoming;
}

}  // namespace stoa::rabbitmq
