#include "platform/rabbitmq/link.hpp"

#include <new>
#include <utility>

#include "platform/rabbitmq/amqp.hpp"
#include "platform/rabbitmq/wire.hpp"

namespace stoa::rabbitmq {
namespace {

using namespace std::chrono_literals;

constexpr amqp_channel_t channel = 1;
constexpr int frame_bytes_max = 131'072;
constexpr int any_channel_max = 0;
constexpr std::chrono::milliseconds close_timeout{500};
constexpr auto system_authorities = "/etc/ssl/certs/ca-certificates.crt";

timeval to_timeval(std::chrono::microseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {seconds.count(), (time - seconds).count()};
}

/// What the broker says when it closes a channel or a connection.
std::string reason_of(const amqp_method_t& method) {
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD)
    return text_of(static_cast<amqp_channel_close_t*>(method.decoded)->reply_text);
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD)
    return text_of(static_cast<amqp_connection_close_t*>(method.decoded)->reply_text);
  if (method.id == AMQP_BASIC_CANCEL_METHOD) return "the queue is gone";
  return "it answers with the method " + std::to_string(method.id);
}

std::string fault_of(const amqp_rpc_reply_t& reply) {
  switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
      return {};
    case AMQP_RESPONSE_SERVER_EXCEPTION:
      return reason_of(reply.reply);
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
      return amqp_error_string2(reply.library_error);
    default:
      return "it closed the connection";
  }
}

}  // namespace

Link::Link(const Settings& settings) : settings_(settings), state_(amqp_new_connection()) {
  if (state_ == nullptr) throw std::bad_alloc();
  try {
    open_socket(settings);
    log_in(settings);
  } catch (const Failure&) {
    amqp_destroy_connection(state_);
    throw;
  }
  is_well_ = true;
}

Link::~Link() {
  if (is_well_) {
    const auto timeout = to_timeval(close_timeout);
    amqp_set_rpc_timeout(state_, &timeout);
    amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
  }
  amqp_destroy_connection(state_);
}

void Link::open_socket(const Settings& settings) {
  amqp_socket_t* socket = settings.tls ? amqp_ssl_socket_new(state_) : amqp_tcp_socket_new(state_);
  if (socket == nullptr) throw std::bad_alloc();
  if (settings.tls) {
    const auto* const authorities =
        settings.ca_file.empty() ? system_authorities : settings.ca_file.c_str();
    check_status(amqp_ssl_socket_set_cacert(socket, authorities), "cannot read the authorities");
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    check_status(amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST),
                 "cannot set the version of TLS");
  }
  const auto timeout = to_timeval(settings.answer_timeout);
  check_status(amqp_socket_open_noblock(socket, settings.host.c_str(), settings.port, &timeout),
               "cannot be reached");
}

void Link::log_in(const Settings& settings) {
  const auto timeout = to_timeval(settings.answer_timeout);
  amqp_set_handshake_timeout(state_, &timeout);
  amqp_set_rpc_timeout(state_, &timeout);
  // So that a consumer learns of it when its queue is deleted or moves.
  amqp_table_entry_t told{bytes_of("consumer_cancel_notify"), {}};
  told.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  told.value.value.boolean = 1;
  amqp_table_entry_t capabilities{bytes_of("capabilities"), {}};
  capabilities.value.kind = AMQP_FIELD_KIND_TABLE;
  capabilities.value.value.table = {1, &told};
  const amqp_table_t properties{1, &capabilities};
  const auto reply = amqp_login_with_properties(
      state_, settings.virtual_host.c_str(), any_channel_max, frame_bytes_max,
      static_cast<int>(settings.heartbeat.count()), &properties, AMQP_SASL_METHOD_PLAIN,
      settings.user_name.c_str(), settings.password.c_str());
  if (const auto fault = fault_of(reply); !fault.empty())
    throw Failure("RabbitMQ does not let us in: " + fault);
  amqp_channel_open(state_, channel);
  check("opens no channel");
}

void Link::check(const std::string& what) {
  if (const auto fault = fault_of(amqp_get_rpc_reply(state_)); !fault.empty()) {
    is_well_ = false;
    throw Failure("RabbitMQ " + what + ": " + fault);
  }
}

void Link::check_status(int status, const std::string& what) {
  if (status == AMQP_STATUS_OK) return;
  is_well_ = false;
  throw Failure("RabbitMQ " + what + ": " + amqp_error_string2(status));
}

void Link::declare_queue(const std::string& name, const std::vector<Argument>& arguments) {
  const Table table(arguments);
  amqp_queue_declare(state_, channel, bytes_of(name), 0, 1, 0, 0, table.get());
  check("does not make the queue " + name);
  amqp_maybe_release_buffers(state_);
}

void Link::declare_exchange(const std::string& name) {
  amqp_exchange_declare(state_, channel, bytes_of(name), bytes_of("direct"), 0, 1, 0, 0,
                        amqp_empty_table);
  check("does not make the exchange " + name);
}

void Link::bind(const std::string& queue, const std::string& exchange, const std::string& key) {
  amqp_queue_bind(state_, channel, bytes_of(queue), bytes_of(exchange), bytes_of(key),
                  amqp_empty_table);
  check("does not bind the queue " + queue);
}

void Link::remove_queue(const std::string& name) {
  amqp_queue_delete(state_, channel, bytes_of(name), 0, 0);
  check("does not delete the queue " + name);
}

QueueCount Link::count(const std::string& queue) {
  const auto* const found =
      amqp_queue_declare(state_, channel, bytes_of(queue), 1, 1, 0, 0, amqp_empty_table);
  check("does not tell of the queue " + queue);
  return {found->message_count, found->consumer_count};
}

void Link::ask_for_confirmations() {
  amqp_confirm_select(state_, channel);
  check("does not confirm");
  confirms_ = true;
}

void Link::publish(const Outgoing& message) {
  const Properties properties(message);
  check_status(amqp_basic_publish(state_, channel, bytes_of(message.exchange),
                                  bytes_of(message.key), message.must_arrive ? 1 : 0, 0,
                                  properties.get(), bytes_of(message.task.data)),
               "takes no message");
  if (confirms_) unconfirmed_.insert(++published_);
}

void Link::wait_for_confirmations() {
  const auto end = std::chrono::steady_clock::now() + settings_.answer_timeout;
  while (!unconfirmed_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left <= 0ms) {
      is_well_ = false;
      throw Failure("RabbitMQ has not confirmed in time");
    }
    take_other_frame(left);
  }
}

void Link::take_other_frame(std::chrono::milliseconds wait) {
  amqp_maybe_release_buffers(state_);
  amqp_frame_t frame;
  const auto timeout = to_timeval(wait);
  const int status = amqp_simple_wait_frame_noblock(state_, &frame, &timeout);
  if (status == AMQP_STATUS_TIMEOUT) return;
  check_status(status, "is gone");
  if (frame.frame_type != AMQP_FRAME_METHOD) return;
  const auto& method = frame.payload.method;
  if (method.id == AMQP_BASIC_ACK_METHOD) {
    const auto& ack = *static_cast<amqp_basic_ack_t*>(method.decoded);
    return confirmed(ack.delivery_tag, ack.multiple != 0);
  }
  is_well_ = false;
  if (method.id == AMQP_BASIC_RETURN_METHOD)
    throw Failure("RabbitMQ has no such queue: " +
                  text_of(static_cast<amqp_basic_return_t*>(method.decoded)->routing_key));
  if (method.id == AMQP_BASIC_NACK_METHOD)
    throw Failure("RabbitMQ could not keep what was published");
  throw Failure("RabbitMQ ended it: " + reason_of(method));
}

void Link::confirmed(std::uint64_t tag, bool multiple) {
  if (multiple)
    unconfirmed_.erase(unconfirmed_.begin(), unconfirmed_.upper_bound(tag));
  else
    unconfirmed_.erase(tag);
}

void Link::consume(const std::string& queue, std::uint16_t unacknowledged) {
  amqp_basic_qos(state_, channel, 0, unacknowledged, 0);
  check("sets no limit");
  consume(queue.c_str(), true);
}

void Link::consume_answers() { consume(answers_come, false); }

void Link::consume(const char* queue, bool needs_acknowledgement) {
  amqp_basic_consume(state_, channel, amqp_cstring_bytes(queue), amqp_empty_bytes, 0,
                     needs_acknowledgement ? 0 : 1, 0, amqp_empty_table);
  check(std::string("gives nothing of the queue ") + queue);
}

std::optional<Incoming> Link::receive(Duration wait) {
  amqp_maybe_release_buffers(state_);
  amqp_envelope_t envelope;
  const auto timeout = to_timeval(wait);
  const auto reply = amqp_consume_message(state_, &envelope, &timeout, 0);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
    auto incoming = read(envelope.message);
    incoming.tag = envelope.delivery_tag;
    amqp_destroy_envelope(&envelope);
    return incoming;
  }
  const bool is_library = reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION;
  if (is_library && reply.library_error == AMQP_STATUS_TIMEOUT) return std::nullopt;
  if (is_library && reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
    take_other_frame(0ms);
    return std::nullopt;
  }
  is_well_ = false;
  throw Failure("RabbitMQ is gone: " + fault_of(reply));
}

std::optional<Incoming> Link::get(const std::string& queue) {
  amqp_maybe_release_buffers(state_);
  const auto reply = amqp_basic_get(state_, channel, bytes_of(queue), 0);
  check("gives nothing of the queue " + queue);
  if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) return std::nullopt;
  const auto tag = static_cast<amqp_basic_get_ok_t*>(reply.reply.decoded)->delivery_tag;
  amqp_message_t message;
  if (const auto fault = fault_of(amqp_read_message(state_, channel, &message, 0));
      !fault.empty()) {
    is_well_ = false;
    throw Failure("RabbitMQ is gone: " + fault);
  }
  auto incoming = read(message);
  incoming.tag = tag;
  amqp_destroy_message(&message);
  return incoming;
}

void Link::acknowledge(std::uint64_t tag) {
  check_status(amqp_basic_ack(state_, channel, tag, 0), "is gone");
}

void Link::refuse(std::uint64_t tag) {
  check_status(amqp_basic_reject(state_, channel, tag, 0), "is gone");
}

}  // namespace stoa::rabbitmq
