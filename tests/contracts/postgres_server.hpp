#pragma once

#include <memory>
#include <optional>
#include <string>

#include "contracts/child_process.hpp"
#include "contracts/temporary_folder.hpp"
#include "platform/postgres/database.hpp"

namespace stoa {

/// A real PostgreSQL in a folder of its own, on a socket there; stopped with the program.
class PostgresServer {
 public:
  /// The one that tests share; null where PostgreSQL is not installed.
  static PostgresServer* shared();
  /// Another one, with databases of its own.
  static std::unique_ptr<PostgresServer> another();
  /// A hot standby of this one, which follows it by streaming replication.
  std::unique_ptr<PostgresServer> make_standby();

  /// Of a database that nobody has used yet, for libpq.
  std::string fresh_database();
  void start();
  void stop(int signal);              ///< and waits for its end
  void signal_all(int number) const;  ///< also to the processes that serve connections
  [[nodiscard]] std::string conninfo(const std::string& database) const;
  void run(const std::string& statement) const;

 private:
  explicit PostgresServer(std::string programs) : programs_(std::move(programs)) {}
  void make_data(const std::vector<std::string>& command, const std::string& what);
  [[nodiscard]] std::string program(const std::string& name) const;

  std::string programs_;
  TemporaryFolder folder_;
  std::optional<ChildProcess> server_;
  int databases_ = 0;
};

}  // namespace stoa

/// Ends a test where PostgreSQL is not installed.
#define STOA_NEEDS_POSTGRES() \
  if (stoa::PostgresServer::shared() == nullptr) GTEST_SKIP() << "PostgreSQL is not installed"
