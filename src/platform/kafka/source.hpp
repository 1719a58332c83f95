#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/messaging/consumer.hpp"
#include "platform/kafka/settings.hpp"

namespace stoa::kafka {

struct SourceOptions {
  Settings settings;
  std::string group;  ///< its members share the partitions
  /// Which member this is, also in the next process: after a crash it takes its partitions up again
  /// at once, where the brokers would first wait for the one that died. When it goes in good order
  /// the others have them at once. Empty: a new one each time.
  std::string member;
  std::vector<std::string> topics;
  /// One more topic, whose messages are those of `topics`, published again; others there are left
  /// out. Empty: none.
  std::string replay_topic;
  /// Where a partition that comes to this member begins: asked on the thread that receives, again
  /// and again until it does not throw.
  std::function<std::int64_t(const messaging::Lane&)> begins_at;
  /// Called when a topic is not there, so that it is made again; none: that is an error.
  std::function<void()> make_topics = {};
};

/// One member of a consumer group. Kafka keeps no offsets for it: they are the service's own. It
/// throws Failure.
std::unique_ptr<messaging::Source> make_source(SourceOptions options);

}  // namespace stoa::kafka
