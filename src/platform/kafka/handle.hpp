#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "kernel/messaging/message.hpp"
#include "platform/kafka/settings.hpp"

namespace stoa::kafka {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* it) const {
    destroy(it);
  }
};

using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using Client = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   Destroy<rd_kafka_topic_partition_list_destroy>>;

/// Throws Failure for a name or value that librdkafka does not take.
Conf make_conf(Settings settings);
/// Throws Failure.
Client make_client(rd_kafka_type_t type, Conf conf);
/// Whether the client gets over it without help.
bool passes_by_itself(rd_kafka_resp_err_t error);
/// What a lane holds: from its first message to behind its last.
struct Watermarks {
  std::int64_t low = 0;
  std::int64_t high = 0;
};
/// Throws Failure when the brokers do not tell.
Watermarks watermarks_of(rd_kafka_t* client, const messaging::Lane& lane,
                         std::chrono::milliseconds timeout);
/// One lane, at an offset.
Partitions one_partition(const messaging::Lane& lane, std::int64_t offset);
/// How many partitions a topic has. Throws Failure when it has none.
int partitions_of(rd_kafka_t* client, const std::string& topic);

}  // namespace stoa::kafka
