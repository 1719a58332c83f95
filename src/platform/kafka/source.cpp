#include "platform/kafka/source.hpp"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "kernel/base/planted.hpp"
#include "platform/kafka/cloud_event.hpp"
#include "platform/kafka/handle.hpp"

namespace stoa::kafka {
namespace {

using messaging::Lane;

constexpr std::chrono::milliseconds seek_timeout{10'000};
constexpr std::chrono::milliseconds leave_timeout{2'000};

class KafkaSource final : public messaging::Source {
 public:
  explicit KafkaSource(SourceOptions options) : options_(std::move(options)) {
    auto settings = options_.settings;
    settings["group.id"] = options_.group;
    if (!options_.member.empty()) settings["group.instance.id"] = options_.member;
    settings.try_emplace("session.timeout.ms", "10000");
    // The answer to one is how a member hears that partitions are shared out anew.
    settings.try_emplace("heartbeat.interval.ms", "500");
    settings["enable.auto.commit"] = "false";
    settings["enable.auto.offset.store"] = "false";
    settings["auto.offset.reset"] = "error";  // for begin_anew()
    settings["partition.assignment.strategy"] = "cooperative-sticky";
    settings["log_level"] = "2";
    settings.try_emplace("fetch.wait.max.ms", "100");
    // A topic that is made anew is found by this alone, five minutes later by default.
    settings.try_emplace("topic.metadata.refresh.interval.ms", "3000");
    auto conf = make_conf(std::move(settings));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_rebalance_cb(
        conf.get(),
        [](rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* partitions,
           void* source) { static_cast<KafkaSource*>(source)->rebalance(what, *partitions); });
    client_ = make_client(RD_KAFKA_CONSUMER, std::move(conf));
    rd_kafka_poll_set_consumer(client_.get());
    subscribe();
  }
  ~KafkaSource() override {
    leave();
    rd_kafka_consumer_close(client_.get());
  }

  std::vector<Received> receive(std::size_t most, Duration wait) override {
    std::vector<Received> batch;
    auto wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
    for (std::size_t polled = 0; polled < most; ++polled) {
      const KafkaMessage message(
          rd_kafka_consumer_poll(client_.get(), static_cast<int>(batch.empty() ? wait_ms : 0)));
      if (!message) break;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        add(*message, batch);
      } else if (has_lost_its_place(message->err)) {
        begin_anew({rd_kafka_topic_name(message->rkt), message->partition});
      } else if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && options_.make_topics) {
        // With a client that is closed now, and another, librdkafka may end the process or not come
        // back.
        options_.make_topics();
        subscribe();
      } else if (!passes_by_itself(message->err)) {
        if (batch.empty())
          throw Failure(std::string("Kafka: ") + rd_kafka_message_errstr(message.get()));
        break;  // it comes again, for whoever asks next
      }
    }
    count_waiting();
    return batch;
  }

  void go_back(const Lane& lane, std::int64_t offset) override {
    if (!next_.contains(lane)) return;
    const auto one = one_partition(lane, offset);
    const KafkaError error(
        rd_kafka_seek_partitions(client_.get(), one.get(), static_cast<int>(seek_timeout.count())));
    if (error)
      throw Failure(std::string("Kafka cannot go back: ") + rd_kafka_error_string(error.get()));
    if (const auto fault = one->elems[0].err; fault != RD_KAFKA_RESP_ERR_NO_ERROR)
      throw Failure(std::string("Kafka cannot go back: ") + rd_kafka_err2str(fault));
    next_[lane] = offset;
  }

  [[nodiscard]] std::int64_t waiting() const override { return waiting_; }

 private:
  void subscribe() {
    auto topics = options_.topics;
    if (!options_.replay_topic.empty()) topics.push_back(options_.replay_topic);
    const Partitions wanted(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
    for (const auto& topic : topics)
      rd_kafka_topic_partition_list_add(wanted.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto error = rd_kafka_subscribe(client_.get(), wanted.get());
        error != RD_KAFKA_RESP_ERR_NO_ERROR)
      throw Failure(std::string("Kafka's topics cannot be subscribed: ") + rd_kafka_err2str(error));
  }

  /// A member with a name leaves its group by this alone: when it is only closed, the brokers keep
  /// its partitions for it until its session is over.
  void leave() {
    if (options_.member.empty()) return;
    const auto end = std::chrono::steady_clock::now() + leave_timeout;
    rd_kafka_unsubscribe(client_.get());
    while (is_in_group() && std::chrono::steady_clock::now() < end)
      const KafkaMessage passed_over(rd_kafka_consumer_poll(client_.get(), 10));
  }
  [[nodiscard]] bool is_in_group() const {
    auto* const id = rd_kafka_memberid(client_.get());
    const bool is_known = id != nullptr && *id != '\0';
    rd_kafka_mem_free(client_.get(), id);
    return is_known;
  }

  static bool has_lost_its_place(rd_kafka_resp_err_t error) {
    constexpr int log_truncation = -139;  // librdkafka 2.1 has a name for it
    return error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || error == log_truncation;
  }

  /// The lane's next message is not there. Where it was deleted by age, all that is left comes: its
  /// positions say whether something is missing, and nothing is skipped. Where the brokers have
  /// lost their last messages, what they lost comes again behind the end, and the last one that
  /// they have tells by its position whether it was taken.
  void begin_anew(const Lane& lane) {
    const auto next = next_.find(lane);
    if (next == next_.end()) return;
    const auto [low, high] = watermarks_of(client_.get(), lane, seek_timeout);
    const bool skips = planted(Defect::lost_place_skipped);
    next->second = skips ? high : std::clamp(next->second, low, std::max(low, high - 1));
    const auto one = one_partition(lane, next->second);
    // To seek is refused in this state.
    const KafkaError left(rd_kafka_incremental_unassign(client_.get(), one.get()));
    const KafkaError taken(rd_kafka_incremental_assign(client_.get(), one.get()));
    if (left || taken) throw Failure("Kafka's client does not begin a partition anew");
  }

  void add(const rd_kafka_message_t& message, std::vector<Received>& batch) {
    const Lane at{rd_kafka_topic_name(message.rkt), message.partition};
    next_[at] = message.offset + 1;
    const bool is_replay = at.topic == options_.replay_topic;
    auto received = read(message, is_replay);
    const auto& topic = received.message.lane.topic;
    const bool is_taken = !is_replay || !received.fault.empty() ||
                          std::ranges::find(options_.topics, topic) != options_.topics.end();
    if (is_taken) batch.push_back(std::move(received));
  }

  void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t& partitions) {
    for (int at = 0; at < partitions.cnt; ++at) {
      auto& one = partitions.elems[at];
      const Lane lane{one.topic, one.partition};
      if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        one.offset = begins_at(lane);
        next_[lane] = one.offset;
      } else {
        next_.erase(lane);
      }
    }
    const KafkaError error(what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                               ? rd_kafka_incremental_assign(client_.get(), &partitions)
                               : rd_kafka_incremental_unassign(client_.get(), &partitions));
  }

  std::int64_t begins_at(const Lane& lane) {
    constexpr std::chrono::milliseconds pause{200};
    for (;;) {
      try {
        return options_.begins_at(lane);
      } catch (
          const std::exception&) {  // the store is away: nothing can be taken before it is back
        std::this_thread::sleep_for(pause);
      }
    }
  }

  void count_waiting() {
    std::int64_t waiting = 0;
    for (const auto& [lane, next] : next_) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      const auto known = rd_kafka_get_watermark_offsets(client_.get(), lane.topic.c_str(),
                                                        lane.partition, &low, &high);
      if (known == RD_KAFKA_RESP_ERR_NO_ERROR && high > next) waiting += high - next;
    }
    waiting_ = waiting;
  }

  SourceOptions options_;
  Client client_;
  std::map<Lane, std::int64_t> next_;  ///< of the lanes that are this member's
  std::int64_t waiting_ = 0;
};

}  // namespace

std::unique_ptr<messaging::Source> make_source(SourceOptions options) {
  return std::make_unique<KafkaSource>(std::move(options));
}

}  // namespace stoa::kafka
