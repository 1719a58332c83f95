#include "platform/kafka/tails.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "platform/kafka/cloud_event.hpp"
#include "platform/kafka/handle.hpp"

namespace stoa::kafka {
namespace {

using messaging::Lane;
using messaging::Tail;
using Tails = std::map<Lane, Tail>;

constexpr std::chrono::milliseconds patience{5'000};

void check(rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw Failure(std::string("Kafka does not tell what stands last in its topics: ") +
                  rd_kafka_err2str(error));
}

Client make_reader(Settings settings) {
  settings["group.id"] = "stoa-tails";  // the client wants one; it joins none
  settings["enable.auto.commit"] = "false";
  settings["enable.auto.offset.store"] = "false";
  settings["log_level"] = "2";
  auto client = make_client(RD_KAFKA_CONSUMER, make_conf(std::move(settings)));
  rd_kafka_poll_set_consumer(client.get());
  return client;
}

/// The offset of a lane's last message; what nothing was ever written to has its tail at once, and
/// of what was all deleted none is known.
std::optional<std::int64_t> last_offset(rd_kafka_t* client, const Lane& lane, Tails& tails) {
  const auto [low, high] = watermarks_of(client, lane, patience);
  if (high == 0) tails[lane] = {};
  return low < high ? std::optional(high - 1) : std::nullopt;
}

void take(const rd_kafka_message_t& message, Tails& tails) {
  const auto last = read(message, false);
  if (last.fault.empty()) tails[last.message.lane] = {last.message.epoch, last.message.position};
}

Tails ask(rd_kafka_t* client, const std::vector<Lane>& lanes,
          std::chrono::steady_clock::time_point end) {
  Tails tails;
  const Partitions wanted(rd_kafka_topic_partition_list_new(static_cast<int>(lanes.size())));
  for (const auto& lane : lanes)
    if (const auto offset = last_offset(client, lane, tails))
      rd_kafka_topic_partition_list_add(wanted.get(), lane.topic.c_str(), lane.partition)->offset =
          *offset;
  check(rd_kafka_assign(client, wanted.get()));
  for (int missing = wanted->cnt; missing > 0;) {
    if (std::chrono::steady_clock::now() > end) check(RD_KAFKA_RESP_ERR__TIMED_OUT);
    const KafkaMessage message(rd_kafka_consumer_poll(client, 100));
    if (!message || passes_by_itself(message->err)) continue;
    check(message->err);
    take(*message, tails);
    --missing;
  }
  return tails;
}

}  // namespace

Tails tails_of(const Settings& settings, const std::vector<Lane>& lanes) {
  constexpr std::chrono::milliseconds pause{100};
  if (lanes.empty()) return {};
  const auto client = make_reader(settings);
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      return ask(client.get(), lanes, end);
    } catch (const Failure&) {  // of a broker that begins, say
      if (std::chrono::steady_clock::now() > end) throw;
      std::this_thread::sleep_for(pause);
    }
  }
}

}  // namespace stoa::kafka
