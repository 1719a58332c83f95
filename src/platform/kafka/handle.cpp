#include "platform/kafka/handle.hpp"

#include <algorithm>
#include <array>
#include <thread>

namespace stoa::kafka {
namespace {

constexpr int ask_timeout_ms = 10'000;

using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroy<rd_kafka_NewTopic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;

std::string text_of(rd_kafka_resp_err_t error) { return rd_kafka_err2str(error); }

/// Of all topics when none is named.
Metadata metadata_of(rd_kafka_t* client, rd_kafka_topic_t* topic, const std::string& what) {
  const rd_kafka_metadata_t* found = nullptr;
  const auto error =
      rd_kafka_metadata(client, topic == nullptr ? 1 : 0, topic, &found, ask_timeout_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw Failure("Kafka does not tell of " + what + ": " + text_of(error));
  return Metadata(found);
}

/// 0 when there is no such topic.
int count_partitions(rd_kafka_t* client, const std::string& name) {
  const Topic topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  const auto metadata = metadata_of(client, topic.get(), "the topic " + name);
  if (metadata->topic_cnt == 0) return 0;
  const auto& one = metadata->topics[0];
  if (one.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return 0;
  if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw Failure("Kafka does not tell of the topic " + name + ": " + text_of(one.err));
  return one.partition_cnt;
}

void create(rd_kafka_t* client, const TopicPlan& plan) {
  std::array<char, 512> fault{};
  const NewTopic topic(rd_kafka_NewTopic_new(plan.name.c_str(), plan.partitions, plan.replication,
                                             fault.data(), fault.size()));
  if (!topic) throw Failure("The topic " + plan.name + " cannot be made: " + fault.data());
  const Queue queue(rd_kafka_queue_new(client));
  auto* one = topic.get();
  rd_kafka_CreateTopics(client, &one, 1, nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), 2 * ask_timeout_ms));
  if (!event) throw Failure("The topic " + plan.name + " was not made in time.");
  std::size_t count = 0;
  const auto* const result = rd_kafka_event_CreateTopics_result(event.get());
  const auto* const* const topics =
      result == nullptr ? nullptr : rd_kafka_CreateTopics_result_topics(result, &count);
  const auto error =
      count == 1 ? rd_kafka_topic_result_error(topics[0]) : rd_kafka_event_error(event.get());
  // Another process may have been first.
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
    throw Failure("The topic " + plan.name + " cannot be made: " + text_of(error));
}

/// A broker tells of a new topic a moment after it was made.
void await(rd_kafka_t* client, const TopicPlan& plan) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2 * ask_timeout_ms);
  while (count_partitions(client, plan.name) == 0) {
    if (std::chrono::steady_clock::now() > end)
      throw Failure("The topic " + plan.name + " was made and cannot be seen.");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

Conf make_conf(Settings settings) {
  // A small request behind another would wait until that one is acknowledged (RFC 896).
  settings.try_emplace("socket.nagle.disable", "true");
  // Else who found no broker for a while looks again up to ten seconds after it is back.
  settings.try_emplace("reconnect.backoff.max.ms", "1000");
  Conf conf(rd_kafka_conf_new());
  std::array<char, 512> fault{};
  for (const auto& [name, value] : settings)
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), fault.data(), fault.size()) !=
        RD_KAFKA_CONF_OK)
      throw Failure("A setting of Kafka is wrong: " + std::string(fault.data()));
  return conf;
}

Client make_client(rd_kafka_type_t type, Conf conf) {
  std::array<char, 512> fault{};
  Client client(rd_kafka_new(type, conf.get(), fault.data(), fault.size()));
  if (!client) throw Failure("Kafka's client cannot begin: " + std::string(fault.data()));
  [[maybe_unused]] auto* const of_the_client = conf.release();
  return client;
}

bool passes_by_itself(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return true;
    default:
      return false;
  }
}

Watermarks watermarks_of(rd_kafka_t* client, const messaging::Lane& lane,
                         std::chrono::milliseconds timeout) {
  Watermarks found;
  const auto error =
      rd_kafka_query_watermark_offsets(client, lane.topic.c_str(), lane.partition, &found.low,
                                       &found.high, static_cast<int>(timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw Failure("Kafka does not tell what it has: " + text_of(error));
  return found;
}

Partitions one_partition(const messaging::Lane& lane, std::int64_t offset) {
  Partitions one(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(one.get(), lane.topic.c_str(), lane.partition)->offset = offset;
  return one;
}

int partitions_of(rd_kafka_t* client, const std::string& topic) {
  const int count = count_partitions(client, topic);
  if (count == 0) throw Failure("Kafka has no topic " + topic + ".");
  return count;
}

bool is_in_sync(const Settings& settings, int node) {
  auto own = settings;
  own["log_level"] = "2";
  const auto client = make_client(RD_KAFKA_PRODUCER, make_conf(own));
  const auto metadata = metadata_of(client.get(), nullptr, "its topics");
  const auto is_among = [node](const std::int32_t* nodes, int count) {
    return std::find(nodes, nodes + count, node) != nodes + count;
  };
  for (int at = 0; at < metadata->topic_cnt; ++at) {
    const auto& topic = metadata->topics[at];
    for (int nth = 0; nth < topic.partition_cnt; ++nth) {
      const auto& partition = topic.partitions[nth];
      if (is_among(partition.replicas, partition.replica_cnt) &&
          !is_among(partition.isrs, partition.isr_cnt))
        return false;
    }
  }
  return true;
}

void make_topics(const Settings& settings, const std::vector<TopicPlan>& topics) {
  auto own = settings;
  own["log_level"] = "2";
  const auto client = make_client(RD_KAFKA_PRODUCER, make_conf(std::move(own)));
  for (const auto& plan : topics) {
    const auto count = count_partitions(client.get(), plan.name);
    if (count == 0) {
      create(client.get(), plan);
      await(client.get(), plan);
      continue;
    }
    if (count != plan.partitions)
      throw Failure("The topic " + plan.name + " has " + std::to_string(count) +
                    " partitions, not " + std::to_string(plan.partitions) +
                    ": set Kafka:Partitions to what it has, for messages of one key may not change "
                    "their partition.");
  }
}

}  // namespace stoa::kafka
