#pragma once

#include <memory>
#include <optional>
#include <string>

#include "contracts/certificate.hpp"
#include "contracts/child_process.hpp"
#include "contracts/temporary_folder.hpp"
#include "kernel/messaging/task_queue.hpp"
#include "platform/rabbitmq/settings.hpp"

namespace stoa {

/// A real RabbitMQ of one node in a folder of its own, on loopback; stopped with the program.
class RabbitmqServer {
 public:
  /// The one that tests share; null where it is not installed.
  static RabbitmqServer* shared();

  [[nodiscard]] rabbitmq::Settings settings() const;
  [[nodiscard]] rabbitmq::Settings tls_settings() const;
  /// A queue that nobody has used yet, with short pauses.
  messaging::QueuePlan fresh_queue(messaging::QueuePlan::Kind kind);
  void start();  ///< and waits until it lets clients in
  void stop(int signal);
  void signal(int number) const { server_->signal(number); }

 private:
  RabbitmqServer();
  void write_settings();

  TemporaryFolder folder_;
  Certificate certificate_;
  int port_, tls_port_, names_port_, node_port_;
  std::optional<ChildProcess> names_;  ///< its own epmd, which it would leave behind otherwise
  std::optional<ChildProcess> server_;
  int queues_ = 0;
};

}  // namespace stoa

/// Ends a test where RabbitMQ is not installed.
#define STOA_NEEDS_RABBITMQ() \
  if (stoa::RabbitmqServer::shared() == nullptr) GTEST_SKIP() << "RabbitMQ is not installed"
