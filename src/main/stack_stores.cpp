#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kernel/base/files.hpp"
#include "main/stack_server.hpp"
#include "main/stack_servers.hpp"
#include "platform/postgres/database.hpp"
#include "platform/process/ports.hpp"

namespace stoa {
namespace {

namespace fs = std::filesystem;

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
class Postgres final : public StackServer {
 public:
  Postgres(const apphost::Resource& resource, const StackTools& tools)
      : StackServer(resource, tools, "postgresql") {}

  Result<Program> next() override {
    const auto programs = postgres_programs(file("data"));
    if (programs.empty()) return missing("PostgreSQL");
    make_folder();
    if (auto given = give_folder(); !given) return fail(given.error());
    if (!fs::exists(file("data/PG_VERSION")))
      if (auto made = initialise(programs); !made) return fail(made.error());
    auto program = as_postgres(
        {programs + "/postgres", "-D", seen("data"), "-p", std::to_string(port("tcp"))});
    for (const auto& setting :
         {std::string("listen_addresses=127.0.0.1"),
          "unix_socket_directories=" + apphost::postgres_socket(port("tcp")),
          std::string("max_connections=300"), std::string("fsync=on"),
          std::string("synchronous_commit=on"), std::string("full_page_writes=on")}) {
      program.arguments.emplace_back("-c");
      program.arguments.push_back(setting);
    }
    program.stop_signal = SIGINT;   // clients are cut off, what is committed is kept
    program.last_signal = SIGQUIT;  // at once, and it takes its shared memory away
    return with_environment(std::move(program));
  }

  /// With the databases of the services that use it.
  bool is_well() override {
    try {
      const auto server = postgres::open(
          {"host=" + apphost::postgres_socket(port("tcp")) +
               " connect_timeout=2 dbname=postgres port=" + std::to_string(port("tcp")) +
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

/// Holds what may be lost: nothing is written to disk.
class Redis final : public StackServer {
 public:
  Redis(const apphost::Resource& resource, const StackTools& tools)
      : StackServer(resource, tools, "redis") {}

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

}  // namespace

std::unique_ptr<apphost::Runnable> make_postgres(const apphost::Resource& resource,
                                                 const StackTools& tools) {
  return std::make_unique<Postgres>(resource, tools);
}

std::unique_ptr<apphost::Runnable> make_redis(const apphost::Resource& resource,
                                              const StackTools& tools) {
  return std::make_unique<Redis>(resource, tools);
}

}  // namespace stoa
