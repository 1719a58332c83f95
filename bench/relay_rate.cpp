/// How many events a second a relay carries from a log in PostgreSQL to Kafka, beside what
/// librdkafka alone sends of the same messages: the same bytes, keys, headers, lanes and settings,
/// from memory. Each run has a topic of its own, and they take turns; the first of each warms the
/// broker and does not count.
///
/// usage: stoa_relay_rate CONNINFO BOOTSTRAP_SERVERS EVENTS RUNS    prints one JSON object
/// CONNINFO is libpq's, of an empty database.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernel/eventlog/stored_log.hpp"
#include "kernel/messaging/relay.hpp"
#include "kernel/sql/migrate.hpp"
#include "platform/kafka/handle.hpp"
#include "platform/kafka/publisher.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/postgres/database.hpp"

namespace {

using namespace stoa;

constexpr int partitions = 3;
constexpr int events_of_a_stream = 3;
constexpr int streams_of_a_commit = 500;
constexpr auto prefix = "bench_";

std::string topic;  // of this run: an outlet's functions are plain ones

messaging::Outlet outlet() {
  return {"bench",
          [](const RecordedEvent& row) {
            return std::optional(NewEvent{"bench." + row.type, row.data});
          },
          [](std::string_view) { return topic; }};
}

/// As large as an order's events are on the whole.
std::string data_of(std::int64_t number) {
  const auto text = std::to_string(number);
  return R"({"order_id":"01J00000000000000000)" + text + R"(","payment_id":"01J00000000000000001)" +
         text +
         R"(","reservation":[{"sku":"SKU-7","quantity":1,"location":"main"},{"sku":"SKU-77",)"
         R"("quantity":2,"location":"main"}],"total":{"amount":2850,"currency":"GBP"},)"
         R"("email_fingerprint":"0123456789abcdef0123456789abcdef","outcome":"accepted"})";
}

void append(postgres::Database& database, const Crypto& crypto, std::int64_t count) {
  sql::migrate(database, {"bench_log", {log_schema(prefix)}});
  const auto db = database.handle(prefix);
  const auto log = make_stored_log(*db, prefix, crypto);
  const SystemClock clock;
  const Cause cause{"system", "01J00000000000000000000001", "01J00000000000000000000002",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
  for (std::int64_t stream = 0; stream * events_of_a_stream < count;) {
    database.begin();
    for (int i = 0; i < streams_of_a_commit; ++i, ++stream) {
      const std::vector<NewEvent> events(events_of_a_stream, {"OrderMoved.v1", data_of(stream)});
      if (!log->append("order-" + std::to_string(stream), Expected::fresh, events, cause,
                       clock.now()))
        throw std::runtime_error("an event could not be appended");
    }
    UnitOfWork unit{clock.now()};
    log->flush(unit);
    database.commit();
    log->committed();
  }
}

/// Takes what a relay sends, as it is.
class Memory final : public messaging::Publisher {
 public:
  int partitions(const std::string&) override { return ::partitions; }
  void send(messaging::Message message) override { messages.push_back(std::move(message)); }
  bool confirm() override { return true; }
  std::vector<messaging::Message> messages;
};

void relay_all(messaging::Publisher& publisher, EventLog& log) {
  messaging::Relay relay(outlet(), publisher, {}, 1);
  while (relay.step(log)) {
  }
  if (relay.failures() > 0) throw std::runtime_error("Kafka did not take a message");
}

/// A message as librdkafka takes it: nothing is made of anything any more.
struct Ready {
  int partition = 0;
  std::string key, data;
  std::vector<std::pair<const char*, std::string>> headers;
};

/// As platform/kafka/cloud_event.cpp has them.
Ready ready(messaging::Message message) {
  return {message.lane.partition,
          std::move(message.key),
          std::move(message.data),
          {{"ce_specversion", "1.0"},
           {"ce_id", std::move(message.id)},
           {"ce_source", std::move(message.source)},
           {"ce_type", std::move(message.type)},
           {"ce_time", to_rfc3339(message.time)},
           {"content-type", "application/json"},
           {"ce_traceparent", std::move(message.traceparent)},
           {"ce_epoch", std::to_string(message.epoch)},
           {"ce_position", std::to_string(message.position)},
           {"ce_previousposition", std::to_string(message.previous_position)}}};
}

/// With the settings of platform/kafka/publisher.cpp.
class Alone {
 public:
  explicit Alone(kafka::Settings settings) {
    settings.insert({{"acks", "all"},
                     {"enable.idempotence", "true"},
                     {"enable.gapless.guarantee", "true"},
                     {"message.timeout.ms", "0"},
                     {"log_level", "2"},
                     {"linger.ms", "1"}});
    auto conf = kafka::make_conf(settings);
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(),
                                [](rd_kafka_t*, const rd_kafka_message_t* message, void* alone) {
                                  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                                    ++static_cast<Alone*>(alone)->delivered_;
                                });
    client_ = kafka::make_client(RD_KAFKA_PRODUCER, std::move(conf));
    kafka::partitions_of(client_.get(), topic);  // so that it is connected
    topic_.reset(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  }

  void send_all(const std::vector<Ready>& messages) {
    for (const auto& message : messages) {
      while (produce(message) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(client_.get(), wait_ms);
      rd_kafka_poll(client_.get(), 0);
    }
    rd_kafka_flush(client_.get(), flush_ms);
    if (delivered_ != messages.size()) throw std::runtime_error("Kafka did not take a message");
  }

 private:
  static constexpr int wait_ms = 10;
  static constexpr int flush_ms = 60'000;

  rd_kafka_resp_err_t produce(const Ready& message) {
    auto* const headers = rd_kafka_headers_new(message.headers.size());
    for (const auto& [name, value] : message.headers)
      rd_kafka_header_add(headers, name, -1, value.data(), static_cast<ssize_t>(value.size()));
    std::array<rd_kafka_vu_t, 5> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_RKT;
    parts[0].u.rkt = topic_.get();
    parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[1].u.i32 = message.partition;
    parts[2].vtype = RD_KAFKA_VTYPE_KEY;
    parts[2].u.mem = {const_cast<char*>(message.key.data()), message.key.size()};
    parts[3].vtype = RD_KAFKA_VTYPE_VALUE;  // and it is not copied
    parts[3].u.mem = {const_cast<char*>(message.data.data()), message.data.size()};
    parts[4].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[4].u.headers = headers;
    const kafka::KafkaError error(rd_kafka_produceva(client_.get(), parts.data(), parts.size()));
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_headers_destroy(headers);
    return rd_kafka_error_code(error.get());
  }

  kafka::Client client_;
  std::unique_ptr<rd_kafka_topic_t, kafka::Destroy<rd_kafka_topic_destroy>> topic_;
  std::size_t delivered_ = 0;
};

template <class Send>
double per_second(std::int64_t events, Send&& send) {
  const auto begin = std::chrono::steady_clock::now();
  send();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(events) / took.count();
}

void print(const char* name, const std::vector<double>& rates) {
  std::printf(",\"%s\":[", name);
  for (std::size_t i = 1; i < rates.size(); ++i)  // the first does not count
    std::printf("%s%.1f", i == 1 ? "" : ",", rates[i]);
  std::printf("]");
}

int measure(const std::string& conninfo, const kafka::Settings& settings, std::int64_t events,
            int runs) {
  const auto crypto = openssl::make_crypto();
  append(*postgres::open({conninfo}, postgres::Database::Mode::writer), *crypto, events);
  const auto database = postgres::open({conninfo}, postgres::Database::Mode::reader);
  const auto db = database->handle(prefix);
  const auto log = make_stored_log(*db, prefix, *crypto);

  Memory memory;
  relay_all(memory, *log);
  std::vector<Ready> messages;
  std::size_t bytes = 0;
  for (auto& message : memory.messages) {
    bytes += message.data.size();
    messages.push_back(ready(std::move(message)));
  }
  const auto count = static_cast<std::int64_t>(messages.size());

  auto fresh_topic = [&, number = 0]() mutable {
    topic = "bench.relay." + std::to_string(++number);
    kafka::make_topics(settings, {{topic, partitions, 1}});
  };
  std::vector<double> relayed, alone;
  for (int run = 0; run <= runs; ++run) {
    fresh_topic();
    const auto publisher = kafka::make_publisher(settings);
    (void)publisher->partitions(topic);  // so that it is connected
    relayed.push_back(per_second(count, [&] { relay_all(*publisher, *log); }));
    fresh_topic();
    Alone one(settings);
    alone.push_back(per_second(count, [&] { one.send_all(messages); }));
  }
  std::printf("{\"events\":%lld,\"bytes\":%zu", static_cast<long long>(count),
              bytes / messages.size());
  print("relay_per_s", relayed);
  print("alone_per_s", alone);
  std::printf("}\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    return measure(argv[1], {{"bootstrap.servers", argv[2]}}, std::max(1, std::atoi(argv[3])),
                   std::max(1, std::atoi(argv[4])));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
