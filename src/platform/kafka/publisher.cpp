#include "platform/kafka/publisher.hpp"

#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "kernel/base/planted.hpp"
#include "platform/kafka/cloud_event.hpp"
#include "platform/kafka/handle.hpp"
#include "platform/kafka/tails.hpp"

namespace stoa::kafka {
namespace {

constexpr int poll_ms = 100;

class KafkaPublisher final : public messaging::Publisher {
 public:
  KafkaPublisher(Settings settings, std::chrono::milliseconds confirm_timeout)
      : settings_(std::move(settings)), confirm_timeout_(confirm_timeout) {
    settings_["acks"] = "all";
    settings_["enable.idempotence"] = "true";
    settings_["enable.gapless.guarantee"] = "true";
    settings_["message.timeout.ms"] = "0";  // a message is given up by this class, not by time
    settings_["log_level"] = "2";
    settings_.try_emplace("linger.ms", "1");
    begin();
  }
  ~KafkaPublisher() override { drop(); }

  int partitions(const std::string& topic) override {
    if (const auto known = partitions_.find(topic); known != partitions_.end())
      return known->second;
    return partitions_.emplace(topic, partitions_of(client_.get(), topic)).first->second;
  }

  std::map<messaging::Lane, messaging::Tail> tails(
      const std::vector<messaging::Lane>& lanes) override {
    if (planted(Defect::tails_unread)) return {};
    return tails_of(settings_, lanes);
  }
  bool was_cut() override {
    rd_kafka_poll(client_.get(), 0);
    if (!was_cut_ || planted(Defect::cut_unheard)) return false;
    // A broker that lost something refuses what a client sends behind it.
    if (has_sent_) {
      drop();
      begin();
    }
    was_cut_ = false;
    return true;
  }

  void send(messaging::Message message) override {
    if (failed_) return;  // and nothing of a lane goes past what failed
    for (;;) {
      const auto error = produce(client_.get(), message, &outstanding_[part_]);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        failed_ = true;
        return;
      }
      rd_kafka_poll(client_.get(), poll_ms);
    }
    ++outstanding_[part_];
    has_sent_ = true;
    rd_kafka_poll(client_.get(), 0);
  }

  bool confirm() override {
    return await([this] { return outstanding_[0] + outstanding_[1] == 0; });
  }
  bool confirm_earlier() override {
    part_ = 1 - part_;
    return await([this] { return outstanding_[part_] == 0; });
  }

 private:
  template <class Done>
  bool await(Done is_done) {
    const auto end = std::chrono::steady_clock::now() + confirm_timeout_;
    while (!failed_ && !is_done() && std::chrono::steady_clock::now() < end)
      rd_kafka_poll(client_.get(), poll_ms);
    if ((!failed_ && is_done()) || planted(Defect::confirm_ignored)) return true;
    drop();
    begin();
    return false;
  }
  void begin() {
    auto conf = make_conf(settings_);
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(
        conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* publisher) {
          static_cast<KafkaPublisher*>(publisher)->delivered(*message);
        });
    rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t*, int, const char*, void* publisher) {
      static_cast<KafkaPublisher*>(publisher)->was_cut_ = true;
    });
    client_ = make_client(RD_KAFKA_PRODUCER, std::move(conf));
    outstanding_ = {};
    failed_ = has_sent_ = false;
    was_cut_ = true;
  }
  void drop() {
    if (!client_) return;
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(client_.get(), poll_ms);
    client_.reset();
  }
  void delivered(const rd_kafka_message_t& message) {
    --*static_cast<std::int64_t*>(message._private);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) failed_ = true;
  }

  Settings settings_;
  std::chrono::milliseconds confirm_timeout_;
  Client client_;
  std::map<std::string, int> partitions_;
  std::array<std::int64_t, 2> outstanding_{};  ///< of this part and the one before
  std::size_t part_ = 0;                       ///< what is sent is counted there
  bool failed_ = false;
  bool has_sent_ = false;  ///< this client
  bool was_cut_ = true;
};

}  // namespace

std::unique_ptr<messaging::Publisher> make_publisher(Settings settings,
                                                     std::chrono::milliseconds confirm_timeout) {
  return std::make_unique<KafkaPublisher>(std::move(settings), confirm_timeout);
}

}  // namespace stoa::kafka
