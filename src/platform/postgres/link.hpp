#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/sql/connection.hpp"

namespace stoa::postgres {

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, FreeResult>;

/// A parameter as it is sent.
struct Value {
  Oid type = 0;  ///< 0: the server finds it out
  std::optional<std::string_view> bytes;
  bool is_binary = false;  ///< a text or bytes with their length; otherwise `bytes` ends in a NUL
};

/// The connection broke, or the server gave no answer in time: what was sent may have been done.
class ConnectionLost : public sql::Failure {
 public:
  using sql::Failure::Failure;
};

/// One connection to a server, always in pipeline mode: what needs no answer is sent and not waited
/// for; its failure is told by the next `wait`, and nothing after it was done. For one thread.
class Link {
 public:
  struct Options {
    std::string conninfo;  ///< libpq's
    std::chrono::milliseconds answer_timeout{30'000};
  };

  /// Throws ConnectionLost when nobody answers there.
  explicit Link(const Options& options);

  /// Sends a statement, prepared the first time, and does not wait.
  void send(const std::string& statement, const std::vector<Value>& values);
  /// Waits until everything sent is done; the result of the last statement. Throws what failed.
  Result wait();
  /// Lets the server begin with what was sent.
  void flush();
  /// Several statements at once, waited for.
  void run_script(const std::string& script);

  /// Nothing was sent that was not waited for.
  [[nodiscard]] bool is_idle() const { return pending_.empty(); }
  [[nodiscard]] bool is_lost() const { return lost_; }
  /// Looks whether the server has closed the connection meanwhile; costs no round trip.
  [[nodiscard]] bool is_alive();
  [[nodiscard]] std::int64_t statements() const { return statements_; }

 private:
  struct Close {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  [[noreturn]] void lose(const std::string& what);
  void must(bool done) {
    if (!done) lose("the connection is broken");
  }
  void await(short events);
  Result next_result();
  const char* name_of(const std::string& statement, const std::vector<Value>& values);
  void forget_prepared();

  std::unique_ptr<PGconn, Close> connection_;
  std::chrono::milliseconds answer_timeout_;
  std::unordered_map<std::string, std::string> names_;  ///< of prepared statements
  std::int64_t next_name_ = 0;
  std::vector<std::string> pending_;  ///< of each result not read yet, the statement it prepares
  bool lost_ = false;
  std::int64_t statements_ = 0;
};

}  // namespace stoa::postgres
