#include "contracts/postgres_server.hpp"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
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
  static const auto programs = find_programs();
  static const std::unique_ptr<PostgresServer> server(
      programs.empty() ? nullptr : new PostgresServer(programs));
  return server.get();
}

PostgresServer::PostgresServer(std::string programs) : programs_(std::move(programs)) {
  const auto data = folder_.file("data");
  std::filesystem::create_directory(data);
  std::filesystem::permissions(folder_.file(""), std::filesystem::perms::all);
  const auto* const user = geteuid() == 0 ? getpwnam(other_user.c_str()) : nullptr;
  if (user != nullptr && chown(data.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("the folder cannot be given to postgres");
  ChildProcess init({program("initdb"), "-D", data, "-A", "trust", "-U", "stoa", "-E", "UTF8",
                     "--locale=C", "--no-sync"},
                    folder_.file("log"), SIGKILL, other_user);
  if (init.wait() != 0) throw std::runtime_error("initdb failed");
  start();
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

std::string PostgresServer::fresh_database() {
  const auto name = "shop" + std::to_string(++databases_);
  const auto server = postgres::open({conninfo("postgres")}, postgres::Database::Mode::reader);
  server->handle("")->run_script("CREATE DATABASE " + name);
  return conninfo(name);
}

}  // namespace stoa
