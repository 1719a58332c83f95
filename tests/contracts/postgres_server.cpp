#include "contracts/postgres_server.hpp"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace stoa {
namespace {

/// PostgreSQL refuses to run as root.
const std::string other_user = "postgres";

/// Of the newest version, empty when there is none.
std::string find_programs() {
  std::string found;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    const auto programs = version.path() / "bin";
    if (std::filesystem::exists(programs / "initdb") && programs.string() > found)
      found = programs.string();
  }
  return found;
}

}  // namespace

PostgresServer* PostgresServer::shared() {
  static const auto server = another();
  return server.get();
}

std::unique_ptr<PostgresServer> PostgresServer::another() {
  static const auto programs = find_programs();
  if (programs.empty()) return nullptr;
  std::unique_ptr<PostgresServer> server(new PostgresServer(programs));
  server->make_data({server->program("initdb"), "-D", server->folder_.file("data"), "-A", "trust",
                     "-U", "stoa", "-E", "UTF8", "--locale=C", "--no-sync"},
                    "initdb");
  server->start();
  return server;
}

std::unique_ptr<PostgresServer> PostgresServer::make_standby() {
  std::unique_ptr<PostgresServer> standby(new PostgresServer(programs_));
  standby->make_data({program("pg_basebackup"), "-h", folder_.file(""), "-U", "stoa", "-D",
                      standby->folder_.file("data"), "-R", "--checkpoint=fast", "--no-sync"},
                     "pg_basebackup");
  standby->start();
  return standby;
}

void PostgresServer::make_data(const std::vector<std::string>& command, const std::string& what) {
  const auto data = folder_.file("data");
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms::owner_all);
  std::filesystem::permissions(folder_.file(""), std::filesystem::perms::all);
  const auto* const user = geteuid() == 0 ? getpwnam(other_user.c_str()) : nullptr;
  if (user != nullptr && chown(data.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("the folder cannot be given to postgres");
  ChildProcess making(command, folder_.file("log"), SIGKILL, other_user);
  if (making.wait() != 0) throw std::runtime_error(what + " failed");
}

std::string PostgresServer::program(const std::string& name) const {
  return programs_ + "/" + name;
}

void PostgresServer::start() {
  server_.emplace(std::vector<std::string>{program("postgres"), "-D", folder_.file("data"), "-k",
                                           folder_.file(""), "-c", "listen_addresses=", "-c",
                                           "fsync=off", "-c", "max_connections=50"},
                  folder_.file("log"), SIGQUIT, other_user);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    try {
      postgres::open({conninfo("postgres")}, postgres::Database::Mode::reader)->begin();
      return;
    } catch (const sql::Failure&) {
      if (std::chrono::steady_clock::now() > end) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

void PostgresServer::stop(int signal) {
  server_->signal(signal);
  server_->wait();
}

std::string PostgresServer::conninfo(const std::string& database) const {
  return "host=" + folder_.file("") + " user=stoa dbname=" + database;
}

void PostgresServer::signal_all(int number) const {
  pid_t server = 0;
  std::ifstream(folder_.file("data/postmaster.pid")) >> server;
  const auto process = std::to_string(server);
  std::ifstream children("/proc/" + process + "/task/" + process + "/children");
  for (pid_t child = 0; children >> child;) kill(child, number);
  kill(server, number);
}

void PostgresServer::run(const std::string& statement) const {
  const auto server = postgres::open({conninfo("postgres")}, postgres::Database::Mode::reader);
  server->handle("")->run_script(statement);
}

std::string PostgresServer::fresh_database() {
  const auto name = "shop" + std::to_string(++databases_);
  run("CREATE DATABASE " + name);
  return conninfo(name);
}

}  // namespace stoa
