#include "contracts/kafka_server.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "platform/kafka/handle.hpp"

namespace stoa {
namespace {

constexpr auto java_program = "/usr/bin/java";

/// It does not see the threads that librdkafka makes by C11's thrd_create, and crashes in them.
bool is_thread_sanitizer() {
  const char* const set = std::getenv("STOA_SANITIZER");
  return set != nullptr && std::string_view(set) == "tsan";
}

}  // namespace

KafkaServer* KafkaServer::shared() {
  static const auto libraries = servers_folder() + "/kafka";
  static const bool is_there = std::filesystem::exists(libraries) &&
                               std::filesystem::exists(java_program) && !is_thread_sanitizer();
  static const std::unique_ptr<KafkaServer> server(is_there ? new KafkaServer(libraries) : nullptr);
  return server.get();
}

KafkaServer::KafkaServer(const std::string& libraries) : libraries_(libraries), port_(free_port()) {
  const auto controller = free_port();
  const auto own = "127.0.0.1:" + std::to_string(port_);
  const auto properties = folder_.file("server.properties");
  std::ofstream(properties)
      << "process.roles=broker,controller\nnode.id=1\n"
      << "controller.quorum.voters=1@127.0.0.1:" << controller << "\n"
      << "listeners=PLAINTEXT://" << own << ",CONTROLLER://127.0.0.1:" << controller << "\n"
      << "advertised.listeners=PLAINTEXT://" << own << "\n"
      << "controller.listener.names=CONTROLLER\nlog.dirs=" << folder_.file("data") << "\n"
      << "auto.create.topics.enable=false\noffsets.topic.replication.factor=1\n"
      << "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
      << "offsets.topic.num.partitions=4\ngroup.initial.rebalance.delay.ms=0\n"
      << "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n";
  auto format = java("64m");
  for (const auto* word :
       {"kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c"})
    format.emplace_back(word);
  format.push_back(properties);
  if (ChildProcess(format, folder_.file("log"), SIGKILL).wait() != 0)
    throw std::runtime_error("Kafka's folder cannot be formatted");
  start();
}

std::vector<std::string> KafkaServer::java(const std::string& memory) const {
  return {java_program,       "-Xmx" + memory, "-XX:TieredStopAtLevel=1",
          "-XX:+UseSerialGC", "-cp",           libraries_ + "/*"};
}

void KafkaServer::start() {
  auto words = java("512m");
  words.emplace_back("kafka.Kafka");
  words.push_back(folder_.file("server.properties"));
  server_.emplace(words, folder_.file("log"), SIGKILL);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  for (;;) {
    try {
      kafka::make_topics(settings(), {{"ready", 1, 1}});
      return;
    } catch (const kafka::Failure&) {
      if (std::chrono::steady_clock::now() > end || !server_->is_running()) throw;
    }
  }
}

void KafkaServer::stop(int signal) {
  server_->signal(signal);
  server_->wait();
}

kafka::Settings KafkaServer::settings() const {
  return {{"bootstrap.servers", "127.0.0.1:" + std::to_string(port_)}};
}

namespace {

/// Has a broker do something, and waits for it.
void ask_broker(const kafka::Settings& settings,
                const std::function<void(rd_kafka_t*, rd_kafka_queue_t*)>& ask) {
  constexpr int answer_timeout_ms = 30'000;
  const auto client = kafka::make_client(RD_KAFKA_PRODUCER, kafka::make_conf(settings));
  const std::unique_ptr<rd_kafka_queue_t, kafka::Destroy<rd_kafka_queue_destroy>> queue(
      rd_kafka_queue_new(client.get()));
  ask(client.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, kafka::Destroy<rd_kafka_event_destroy>> event(
      rd_kafka_queue_poll(queue.get(), answer_timeout_ms));
  if (!event || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error("Kafka did not do it");
}

}  // namespace

void KafkaServer::delete_records(const std::string& topic, int partitions) const {
  const kafka::Partitions all(rd_kafka_topic_partition_list_new(partitions));
  for (int at = 0; at < partitions; ++at)
    rd_kafka_topic_partition_list_add(all.get(), topic.c_str(), at)->offset = RD_KAFKA_OFFSET_END;
  auto* records = rd_kafka_DeleteRecords_new(all.get());
  ask_broker(settings(), [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteRecords(client, &records, 1, nullptr, queue);
  });
  rd_kafka_DeleteRecords_destroy(records);
}

void KafkaServer::delete_topic(const std::string& topic) const {
  auto* one = rd_kafka_DeleteTopic_new(topic.c_str());
  ask_broker(settings(), [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopics(client, &one, 1, nullptr, queue);
  });
  rd_kafka_DeleteTopic_destroy(one);
}

std::string KafkaServer::fresh_topic(int partitions) {
  auto name = "topic" + std::to_string(++topics_);
  kafka::make_topics(settings(), {{name, partitions, 1}});
  return name;
}

void KafkaServer::lose_tails(const std::string& topic) const {
  constexpr std::uintmax_t lost = 200;
  for (const auto& partition : std::filesystem::directory_iterator(folder_.file("data"))) {
    if (!partition.path().filename().string().starts_with(topic + "-")) continue;
    const auto log = partition.path() / "00000000000000000000.log";
    const auto size = std::filesystem::file_size(log);
    std::filesystem::resize_file(log, size - std::min(size, lost));
  }
}

}  // namespace stoa
