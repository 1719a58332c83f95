#include "main/task_queues.hpp"

#include "platform/rabbitmq/tasks.hpp"
#include "services/agents/module.hpp"
#include "services/notification/module.hpp"

namespace stoa {

std::optional<rabbitmq::Settings> rabbitmq_settings(const Configuration& configuration) {
  const auto& host = configuration.text("RabbitMQ:HostName");
  if (host.empty()) return std::nullopt;
  rabbitmq::Settings settings;
  settings.host = host;
  settings.port = static_cast<std::uint16_t>(configuration.integer("RabbitMQ:Port"));
  const auto take = [&](std::string& setting, std::string_view path) {
    if (!configuration.text(path).empty()) setting = configuration.text(path);
  };
  take(settings.user_name, "RabbitMQ:UserName");
  take(settings.password, "RabbitMQ:Password");
  take(settings.virtual_host, "RabbitMQ:VirtualHost");
  take(settings.ca_file, "RabbitMQ:CaFile");
  settings.tls = configuration.text("RabbitMQ:Tls") == "true";
  return settings;
}

std::unique_ptr<messaging::TaskCaller> task_caller(const Configuration& configuration) {
  auto settings = rabbitmq_settings(configuration);
  return settings ? rabbitmq::make_task_caller(std::move(*settings)) : nullptr;
}

Duration request_timeout(const Configuration& configuration) {
  return std::chrono::milliseconds(configuration.integer("RabbitMQ:RequestTimeoutMs"));
}

std::vector<messaging::QueuePlan> task_queues() {
  return {notification::queue_of(notification::Channel::email),
          notification::queue_of(notification::Channel::sms), notification::preview_queue(),
          agents::assessment_queue()};
}

}  // namespace stoa
