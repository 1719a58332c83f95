#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "platform/rabbitmq/amqp.hpp"
#include "platform/rabbitmq/link.hpp"

namespace stoa::rabbitmq {

/// Of bytes that outlive what is made of them; the library only reads them.
amqp_bytes_t bytes_of(std::string_view text);
std::string text_of(amqp_bytes_t bytes);

/// Arguments of a declaration; borrows the texts of what it was made from.
class Table {
 public:
  explicit Table(const std::vector<Argument>& arguments);
  [[nodiscard]] amqp_table_t get() const;

 private:
  std::vector<amqp_table_entry_t> entries_;
};

/// A task's properties in AMQP's terms: its id, type and time are the message's own, `traceparent`
/// and `stoa-tries` are headers. Borrows the texts of what it was made from.
class Properties {
 public:
  explicit Properties(const Outgoing& message);
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  [[nodiscard]] const amqp_basic_properties_t* get() const { return &properties_; }

 private:
  std::string lives_, created_;
  std::array<amqp_table_entry_t, 3> headers_{};
  amqp_basic_properties_t properties_{};
};

Incoming read(const amqp_message_t& message);

}  // namespace stoa::rabbitmq
