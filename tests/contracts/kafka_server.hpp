#pragma once

#include <optional>
#include <string>

#include "contracts/child_process.hpp"
#include "contracts/temporary_folder.hpp"
#include "platform/kafka/settings.hpp"

namespace stoa {

/// A real Kafka of one node in a folder of its own, on loopback; stopped with the program.
class KafkaServer {
 public:
  /// The one that tests share; null where `./dev servers` could not fetch it, and under the thread
  /// sanitizer.
  static KafkaServer* shared();

  [[nodiscard]] kafka::Settings settings() const;
  /// A topic that nobody has used yet.
  std::string fresh_topic(int partitions);
  /// All that a topic holds now, as its retention would.
  void delete_records(const std::string& topic, int partitions) const;
  void delete_topic(const std::string& topic) const;
  void start();  ///< and waits until it takes messages
  void stop(int signal);
  /// As a power cut does to what was not flushed: of each partition the last bytes are gone. Killed
  /// before.
  void lose_tails(const std::string& topic) const;
  void signal(int number) const { server_->signal(number); }

 private:
  explicit KafkaServer(const std::string& libraries);
  [[nodiscard]] std::vector<std::string> java(const std::string& memory) const;

  std::string libraries_;
  TemporaryFolder folder_;
  int port_ = 0;
  std::optional<ChildProcess> server_;
  int topics_ = 0;
};

}  // namespace stoa

/// Ends a test where there is no Kafka.
#define STOA_NEEDS_KAFKA()                    \
  if (stoa::KafkaServer::shared() == nullptr) \
  GTEST_SKIP() << "Kafka is not there, or the thread sanitizer does not know its client's threads"
