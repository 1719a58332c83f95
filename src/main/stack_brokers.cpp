#include <cstdlib>
#include <filesystem>

#include "kernel/base/files.hpp"
#include "main/stack_server.hpp"
#include "main/stack_servers.hpp"
#include "platform/kafka/settings.hpp"
#include "platform/process/ports.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

/// A node that is broker and controller, without ZooKeeper; the only one, or one of three.
class Kafka final : public StackServer {
 public:
  Kafka(const apphost::Resource& resource, std::int64_t node, const StackTools& tools)
      : StackServer(resource, tools, "kafka", name_of(resource, node),
                    apphost::node_endpoint(node)),
        nodes_(resource.replicas.value_or(1)),
        node_(node),
        java_(find_program("java")) {
    const char* const set = std::getenv("STOA_SERVERS");
    const char* const home = std::getenv("HOME");
    libraries_ =
        (set != nullptr ? std::string(set)
                        : std::string(home == nullptr ? "" : home) + "/.cache/stoa/servers") +
        "/kafka";
  }

  Result<Program> next() override {
    if (java_.empty()) return missing("java");
    if (!fs::exists(libraries_)) return missing("Kafka (" + libraries_ + ")");
    const auto other = tools_.folder + "/" + resource_.name + (nodes_ == 1 ? "-1" : "");
    if (fs::exists(other))
      return fail(ErrorKind::conflict, "other_nodes",
                  "In " + other +
                      " are the topics of a Kafka with another number of nodes, which "
                      "cannot change: give the stack another folder with --data.");
    make_folder();
    write_properties();
    if (!fs::exists(file("data/meta.properties"))) {
      auto format = java("128m", "kafka.tools.StorageTool");
      for (const auto& word :
           {std::string("format"), std::string("--ignore-formatted"), std::string("-t"),
            tools_.kafka_cluster, std::string("-c"), file("server.properties")})
        format.arguments.push_back(word);
      if (auto made = run(format); !made) return fail(made.error());
    }
    auto program = java(nodes_ == 1 ? "512m" : "256m", "kafka.Kafka");
    program.arguments.push_back(file("server.properties"));
    return with_environment(std::move(program));
  }

  /// A port that is open says little while the node starts: then a topic must be made, and what
  /// others wrote meanwhile be there.
  bool is_well() override {
    if (!process::ask_port(port_of(node_), "", 0, answer_timeout)) return false;
    if (was_well_) return true;
    try {
      const kafka::Settings settings{{"bootstrap.servers", address_of(node_)}};
      kafka::make_topics(settings, {{"stoa.apphost.ready", 1, static_cast<int>(nodes_)}});
      return was_well_ = kafka::is_in_sync(settings, static_cast<int>(node_));
    } catch (const kafka::Failure&) {
      return false;
    }
  }

 private:
  static std::string name_of(const apphost::Resource& resource, std::int64_t node) {
    return resource.replicas.value_or(1) == 1 ? resource.name
                                              : resource.name + "-" + std::to_string(node);
  }
  [[nodiscard]] std::uint16_t port_of(std::int64_t node) const {
    return port(apphost::node_endpoint(node));
  }
  [[nodiscard]] std::string address_of(std::int64_t node) const {
    return "127.0.0.1:" + std::to_string(port_of(node));
  }
  [[nodiscard]] std::string controller_of(std::int64_t node) const {
    return "127.0.0.1:" +
           std::to_string(tools_.ports.inner(resource_.name, "controller-" + std::to_string(node)));
  }

  [[nodiscard]] Program java(const std::string& memory, const std::string& what) const {
    return {.arguments = {java_, "-Xmx" + memory, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                          "-XX:+ExitOnOutOfMemoryError", "-cp", libraries_ + "/*", what},
            .environment = {},
            .folder = folder_,
            .user = {}};
  }

  void write_properties() {
    was_well_ = false;
    std::string voters;
    for (std::int64_t node = 1; node <= nodes_; ++node)
      voters += (node == 1 ? "" : ",") + std::to_string(node) + "@" + controller_of(node);
    const auto nodes = std::to_string(nodes_);
    // Of a partition that a node is away of, the others go on; of one that two are, nobody does.
    const std::string in_sync = nodes_ == 1 ? "1" : "2";
    // A node that was killed is not let in before its session from before is over, nine seconds by
    // default. Of one alone that is all that the session does.
    const std::string session =
        nodes_ == 1 ? "\nbroker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500" : "";
    replace_file(file("server.properties"),
                 "process.roles=broker,controller\nnode.id=" + std::to_string(node_) +
                     "\ncontroller.quorum.voters=" + voters + "\nlisteners=PLAINTEXT://" +
                     address_of(node_) + ",CONTROLLER://" + controller_of(node_) +
                     "\nadvertised.listeners=PLAINTEXT://" + address_of(node_) +
                     "\ncontroller.listener.names=CONTROLLER\nlog.dirs=" + file("data") +
                     "\nauto.create.topics.enable=false\n"
                     "unclean.leader.election.enable=false\n"
                     "log.retention.ms=2592000000\n"
                     "default.replication.factor=" +
                     nodes + "\nmin.insync.replicas=" + in_sync +
                     "\noffsets.topic.replication.factor=" + nodes +
                     "\noffsets.topic.num.partitions=4\n"
                     "transaction.state.log.replication.factor=" +
                     nodes + "\ntransaction.state.log.min.isr=" + in_sync +
                     "\ngroup.initial.rebalance.delay.ms=0" + session + "\n");
  }

  std::int64_t nodes_, node_;
  std::string java_;
  std::string libraries_;
  bool was_well_ = false;
};

/// Its Erlang port mapper is of its own port, so that it is nobody else's, and ends with the stack.
class RabbitMq final : public StackServer {
 public:
  RabbitMq(const apphost::Resource& resource, const StackTools& tools)
      : StackServer(resource, tools, "amqp") {}

  Result<Program> next() override {
    const std::string script = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    if (!fs::exists(script)) return missing("rabbitmq-server");
    make_folder();
    write_configuration();
    was_well_ = false;
    const auto inner = [&](const char* name) {
      return std::to_string(tools_.ports.inner(resource_.name, name));
    };
    return with_environment(
        {.arguments = {script},
         .environment = {{"RUNNING_UNDER_SYSTEMD", "true"},  // the script becomes the server
                         {"HOME", folder_},
                         {"RABBITMQ_NODENAME", "stoa@localhost"},
                         {"RABBITMQ_DIST_PORT", inner("distribution")},
                         {"ERL_EPMD_PORT", inner("epmd")},
                         {"ERL_EPMD_ADDRESS", "127.0.0.1"},
                         {"RABBITMQ_MNESIA_BASE", file("data")},
                         {"RABBITMQ_LOG_BASE", file("log")},
                         {"RABBITMQ_PID_FILE", file("pid")},
                         {"RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")},
                         {"RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")},
                         {"RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config")},
                         {"RABBITMQ_CONF_ENV_FILE", file("rabbitmq-env.conf")},
                         {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                          "-kernel inet_dist_use_interface {127,0,0,1}"}},
         .folder = folder_,
         .user = {}});
  }

  /// Once it answers the header of AMQP 0-9-1 with the method frame of Connection.Start, it is
  /// enough that it listens: it warns of every client that goes without a farewell.
  bool is_well() override {
    if (was_well_) return process::ask_port(port("tcp"), "", 0, answer_timeout).has_value();
    constexpr std::string_view header{"AMQP\0\0\x09\x01", 8};
    constexpr std::string_view method_frame{"\x01\0\0", 3};
    constexpr std::string_view connection_start{"\0\x0a\0\x0a", 4};
    constexpr std::size_t size_bytes = 4;
    const auto answer = process::ask_port(
        port("tcp"), header, method_frame.size() + size_bytes + connection_start.size(),
        answer_timeout);
    was_well_ = answer && answer->starts_with(method_frame) && answer->ends_with(connection_start);
    return was_well_;
  }

 private:
  void write_configuration() const {
    const std::string user(apphost::server_user);
    std::string text = "listeners.tcp.1 = 127.0.0.1:" + std::to_string(port("tcp")) +
                       "\ndefault_user = " + user +
                       "\ndefault_pass = " + tools_.credentials.rabbitmq_password +
                       "\nlog.console = true\nlog.console.level = warning\nlog.console.use_colors "
                       "= off\nlog.file = false\n";
    if (has_management()) {
      text += "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = " +
              std::to_string(port("management")) + "\n";
      if (!fs::exists(file("enabled_plugins")))
        replace_file(file("enabled_plugins"), "[rabbitmq_management].\n");
    }
    replace_file(file("rabbitmq.conf"), text);
  }

  static bool has_management() {
    std::error_code none;
    for (const auto& version : fs::directory_iterator("/usr/lib/rabbitmq/lib", none))
      for (const auto& plugin : fs::directory_iterator(version.path() / "plugins", none))
        if (plugin.path().filename().string().starts_with("rabbitmq_management-")) return true;
    return false;
  }

  bool was_well_ = false;
};

}  // namespace

std::unique_ptr<apphost::Runnable> make_kafka(const apphost::Resource& resource, std::int64_t node,
                                              const StackTools& tools) {
  return std::make_unique<Kafka>(resource, node, tools);
}

std::unique_ptr<apphost::Runnable> make_rabbitmq(const apphost::Resource& resource,
                                                 const StackTools& tools) {
  return std::make_unique<RabbitMq>(resource, tools);
}

}  // namespace stoa
