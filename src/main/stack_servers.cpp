#include "main/stack_servers.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kernel/base/files.hpp"
#include "platform/kafka/settings.hpp"
#include "platform/postgres/database.hpp"
#include "platform/process/ports.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds answer_timeout{2'000};

/// Its absence is not mended by trying again.
std::unexpected<Error> missing(const std::string& program) {
  return fail(ErrorKind::not_found, "no_program",
              "There is no " + program +
                  " on this machine: `./dev servers` installs it, or name "
                  "one elsewhere in the configuration.");
}

class Server : public apphost::Runnable {
 public:
  Server(const apphost::Resource& resource, const StackTools& tools, std::string scheme)
      : resource_(resource),
        tools_(tools),
        folder_(tools.folder + "/" + resource.name),
        url_(std::move(scheme) + "://127.0.0.1:" + std::to_string(port("tcp"))) {}

  [[nodiscard]] std::string url() const override { return url_; }

 protected:
  [[nodiscard]] std::uint16_t port(const std::string& name) const {
    return tools_.ports.of(resource_.name).at(name);
  }
  [[nodiscard]] std::string file(std::string_view name) const {
    return folder_ + "/" + std::string(name);
  }
  void make_folder() const {
    fs::create_directories(folder_);
    fs::permissions(folder_, fs::perms::owner_all);
  }
  [[nodiscard]] Result<void> run(const Program& program) const {
    return run_to_end(tools_, resource_.name, program);
  }
  /// With the variables that the manifest gives.
  [[nodiscard]] Program with_environment(Program program) const {
    for (const auto& [name, value] : resource_.environment) program.environment[name] = value;
    return program;
  }

  const apphost::Resource& resource_;
  const StackTools& tools_;
  std::string folder_;

 private:
  std::string url_;
};

/// Of the version that the data are of, else of the newest; empty when there is none.
std::string postgres_programs(const std::string& data) {
  const fs::path installed = "/usr/lib/postgresql";
  std::string version;
  std::ifstream(data + "/PG_VERSION") >> version;
  if (!version.empty() && fs::exists(installed / version / "bin/postgres"))
    return installed / version / "bin";
  std::error_code none;
  int newest = 0;
  for (const auto& one : fs::directory_iterator(installed, none))
    if (fs::exists(one.path() / "bin/initdb"))
      newest = std::max(newest, std::atoi(one.path().filename().c_str()));
  return newest == 0 ? std::string{} : (installed / std::to_string(newest) / "bin").string();
}

/// It refuses to run as root: then it is the user postgres, whose folder is given to it as a
/// descriptor, for no other user may enter the stack's.
class Postgres final : public Server {
 public:
  Postgres(const apphost::Resource& resource, const StackTools& tools)
      : Server(resource, tools, "postgresql") {}

  Result<Program> next() override {
    const auto programs = postgres_programs(file("data"));
    if (programs.empty()) return missing("PostgreSQL");
    make_folder();
    if (auto given = give_folder(); !given) return fail(given.error());
    if (!fs::exists(file("data/PG_VERSION")))
      if (auto made = initialise(programs); !made) return fail(made.error());
    auto program = as_postgres(
        {programs + "/postgres", "-D", seen("data"), "-p", std::to_string(port("tcp"))});
    for (const auto* setting :
         {"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300",
          "fsync=on", "synchronous_commit=on", "full_page_writes=on"}) {
      program.arguments.emplace_back("-c");
      program.arguments.emplace_back(setting);
    }
    program.stop_signal = SIGINT;   // clients are cut off, what is committed is kept
    program.last_signal = SIGQUIT;  // at once, and it takes its shared memory away
    return with_environment(std::move(program));
  }

  /// With the databases of the services that use it.
  bool is_well() override {
    try {
      const auto server = postgres::open(
          {"host=127.0.0.1 connect_timeout=2 dbname=postgres port=" + std::to_string(port("tcp")) +
               " user=" + std::string(apphost::server_user) +
               " password=" + tools_.credentials.postgres_password,
           answer_timeout},
          postgres::Database::Mode::reader);
      const auto handle = server->handle("");
      std::vector<std::string> there;
      handle->query("SELECT CAST(datname AS varchar) FROM pg_database",
                    [&](const sql::Row& row) { there.emplace_back(row.text(0)); });
      for (const auto& name : apphost::databases_of(tools_.manifest, resource_.name))
        if (std::ranges::find(there, name) == there.end())
          handle->run_script("CREATE DATABASE " + name);
      return true;
    } catch (const sql::Failure&) {
      return false;
    }
  }

 private:
  static bool is_root() { return geteuid() == 0; }

  /// As its user sees a file.
  [[nodiscard]] std::string seen(const std::string& name) const {
    return is_root() ? std::string(folder_of_other_user) + "/" + name : file(name);
  }
  [[nodiscard]] Program as_postgres(std::vector<std::string> arguments) const {
    return {.arguments = std::move(arguments),
            .environment = {},
            .folder = folder_,
            .user = is_root() ? "postgres" : ""};
  }

  [[nodiscard]] Result<void> give_folder() const {
    if (!is_root()) return {};
    const auto* const user = getpwnam("postgres");
    if (user == nullptr) return missing("user postgres");
    if (chown(folder_.c_str(), user->pw_uid, user->pw_gid) == 0) return {};
    return fail(ErrorKind::invalid, "unusable_folder",
                "The folder " + folder_ + " cannot be given to the user postgres.");
  }

  /// Under another name until it is whole.
  [[nodiscard]] Result<void> initialise(const std::string& programs) const {
    fs::remove_all(file("data.new"));
    const auto password = file("password");
    replace_file(password, tools_.credentials.postgres_password + "\n");
    if (const auto* const user = getpwnam("postgres"); is_root() && user != nullptr)
      if (chown(password.c_str(), user->pw_uid, user->pw_gid) != 0) return missing("user postgres");
    const auto made =
        run(as_postgres({programs + "/initdb", "-D", seen("data.new"), "-A", "scram-sha-256", "-U",
                         std::string(apphost::server_user), "--pwfile", seen("password"), "-E",
                         "UTF8", "--locale=C", "--data-checksums", "--no-instructions"}));
    fs::remove(password);
    if (!made) return made;
    fs::rename(file("data.new"), file("data"));
    sync_folder(folder_);
    return {};
  }
};

/// One node that is broker and controller, without ZooKeeper.
class Kafka final : public Server {
 public:
  Kafka(const apphost::Resource& resource, const StackTools& tools)
      : Server(resource, tools, "kafka"), java_(find_program("java")) {
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
    auto program = java("512m", "kafka.Kafka");
    program.arguments.push_back(file("server.properties"));
    return with_environment(std::move(program));
  }

  /// A port that is open says little while the node starts: then a topic must be made.
  bool is_well() override {
    if (!process::ask_port(port("tcp"), "", 0, answer_timeout)) return false;
    if (was_well_) return true;
    try {
      kafka::make_topics({{"bootstrap.servers", "127.0.0.1:" + std::to_string(port("tcp"))}},
                         {{"stoa.apphost.ready", 1, 1}});
      return was_well_ = true;
    } catch (const kafka::Failure&) {
      return false;
    }
  }

 private:
  [[nodiscard]] Program java(const std::string& memory, const std::string& what) const {
    return {.arguments = {java_, "-Xmx" + memory, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                          "-XX:+ExitOnOutOfMemoryError", "-cp", libraries_ + "/*", what},
            .environment = {},
            .folder = folder_,
            .user = {}};
  }

  void write_properties() {
    was_well_ = false;
    const auto own = "127.0.0.1:" + std::to_string(port("tcp"));
    const auto controller =
        "127.0.0.1:" + std::to_string(tools_.ports.inner(resource_.name, "controller"));
    replace_file(file("server.properties"),
                 "process.roles=broker,controller\nnode.id=1\n"
                 "controller.quorum.voters=1@" +
                     controller +
                     "\n"
                     "listeners=PLAINTEXT://" +
                     own + ",CONTROLLER://" + controller +
                     "\n"
                     "advertised.listeners=PLAINTEXT://" +
                     own +
                     "\n"
                     "controller.listener.names=CONTROLLER\n"
                     "log.dirs=" +
                     file("data") +
                     "\n"
                     "auto.create.topics.enable=false\n"
                     "log.flush.interval.messages=1\n"
                     "log.retention.ms=2592000000\n"
                     "offsets.topic.replication.factor=1\noffsets.topic.num.partitions=4\n"
                     "transaction.state.log.replication.factor=1\n"
                     "transaction.state.log.min.isr=1\n"
                     "group.initial.rebalance.delay.ms=0\n");
  }

  std::string java_;
  std::string libraries_;
  bool was_well_ = false;
};

/// Holds what may be lost: nothing is written to disk.
class Redis final : public Server {
 public:
  Redis(const apphost::Resource& resource, const StackTools& tools)
      : Server(resource, tools, "redis") {}

  Result<Program> next() override {
    auto redis = find_program("redis-server");
    if (redis.empty()) redis = find_program("valkey-server");
    if (redis.empty()) return missing("redis-server");
    make_folder();
    return with_environment(
        {.arguments = {redis, "--port", std::to_string(port("tcp")), "--bind", "127.0.0.1", "--dir",
                       folder_, "--save", "", "--appendonly", "no", "--maxmemory", "256mb",
                       "--maxmemory-policy", "allkeys-lru"},
         .environment = {},
         .folder = folder_,
         .user = {}});
  }

  bool is_well() override {
    constexpr std::string_view pong = "+PONG";
    return process::ask_port(port("tcp"), "PING\r\n", pong.size(), answer_timeout) == pong;
  }
};

/// Its Erlang port mapper is of its own port, so that it is nobody else's, and ends with the stack.
class RabbitMq final : public Server {
 public:
  RabbitMq(const apphost::Resource& resource, const StackTools& tools)
      : Server(resource, tools, "amqp") {}

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

std::string database_setting(std::string service) {
  service.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(service.front())));
  return "ConnectionStrings:" + service + "Db";
}

bool is_external(const apphost::Manifest& manifest, const apphost::Resource& resource,
                 const Configuration& configuration) {
  const auto is_set = [&](std::string_view path) { return !configuration.text(path).empty(); };
  switch (resource.kind) {
    case apphost::Kind::postgres:
      return std::ranges::any_of(manifest.resources, [&](const apphost::Resource& one) {
        return one.kind == apphost::Kind::service && one.name != apphost::gateway_name &&
               std::ranges::find(one.references, resource.name) != one.references.end() &&
               is_set(database_setting(one.name));
      });
    case apphost::Kind::kafka:
      return is_set("Kafka:BootstrapServers");
    case apphost::Kind::redis:
      return is_set("ConnectionStrings:Redis");
    case apphost::Kind::rabbitmq:
      return is_set("RabbitMQ:HostName");
    default:
      return false;
  }
}

}  // namespace

std::unique_ptr<apphost::Runnable> make_postgres(const apphost::Resource& resource,
                                                 const StackTools& tools) {
  return std::make_unique<Postgres>(resource, tools);
}
std::unique_ptr<apphost::Runnable> make_kafka(const apphost::Resource& resource,
                                              const StackTools& tools) {
  return std::make_unique<Kafka>(resource, tools);
}
std::unique_ptr<apphost::Runnable> make_redis(const apphost::Resource& resource,
                                              const StackTools& tools) {
  return std::make_unique<Redis>(resource, tools);
}
std::unique_ptr<apphost::Runnable> make_rabbitmq(const apphost::Resource& resource,
                                                 const StackTools& tools) {
  return std::make_unique<RabbitMq>(resource, tools);
}

std::set<std::string> external_servers(const apphost::Manifest& manifest,
                                       const Configuration& configuration) {
  std::set<std::string> found;
  for (const auto& resource : manifest.resources)
    if (is_external(manifest, resource, configuration)) found.insert(resource.name);
  return found;
}

}  // namespace stoa
