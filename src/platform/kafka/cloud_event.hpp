#pragma once

#include <librdkafka/rdkafka.h>

#include "kernel/messaging/consumer.hpp"

namespace stoa::kafka {

/// Hands a message to the producer, which copies it: a CloudEvent 1.0 in Kafka's binary mode
/// (CloudEvents Kafka Protocol Binding, 3.2), with the extensions `traceparent`, `epoch`,
/// `position` and `previousposition`; one that another lane carries has `lanetopic` and
/// `lanepartition` of its own one too. The report of its delivery comes with `opaque`.
rd_kafka_resp_err_t produce(rd_kafka_t* producer, const messaging::Message& message, void* opaque);

/// Reads such a message, with a `fault` when it is none. `is_replay`: of a lane that carries those
/// of others.
messaging::Source::Received read(const rd_kafka_message_t& message, bool is_replay);

}  // namespace stoa::kafka
