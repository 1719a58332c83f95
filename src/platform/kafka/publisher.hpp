#pragma once

#include <chrono>
#include <memory>

#include "kernel/messaging/relay.hpp"
#include "platform/kafka/settings.hpp"

namespace stoa::kafka {

/// Publishes CloudEvents in Kafka's binary mode; a message counts as confirmed when all brokers of
/// its partition that are in sync have it. After a failure it begins anew with nothing queued.
/// Throws Failure when a topic cannot be asked for, or a setting is wrong.
std::unique_ptr<messaging::Publisher> make_publisher(
    Settings settings, std::chrono::milliseconds confirm_timeout = std::chrono::seconds(30));

}  // namespace stoa::kafka
