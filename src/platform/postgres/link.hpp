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

// pg_type.dat of PostgreSQL; libpq's headers do not name them.
constexpr Oid type_bytes = 17;
constexpr Oid type_integer = 20;
constexpr Oid type_text = 25;

/// Where every writer of a database tells that it has committed.
constexpr std::string_view commits_channel = "stoa_commits";

/// A parameter as it is sent, in PostgreSQL's binary form: an integer is its eight bytes in the
/// order of the network, a text and bytes are themselves.
struct Value {
  Oid type = 0;                           ///< 0: the server finds it out
  std::optional<std::string_view> bytes;  ///< nothing: NULL
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
  /// As flush, and what was sent is a transaction of its own, whose failure nobody is told.
  void part();
  /// Waits for what others NOTIFY on a channel that was listened to; false when nothing came.
  bool await_notice(std::chrono::milliseconds at_most);
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
  /// False when it does not come to that in time.
  bool is_ready(short events, std::chrono::milliseconds within);
  void await(short events);
  Result next_result();
  const char* name_of(const std::string& statement, const std::vector<Value>& values);
  void forget_prepared();

  std::unique_ptr<PGconn, Close> connection_;
  std::chrono::milliseconds answer_timeout_;
  std::unordered_map<std::string, std::string> names_;  ///< of prepared statements
  std::int64_t next_name_ = 0;
  struct Pending {
    std::string prepares;  ///< the statement, if it is the answer to that
    bool is_part = false;  ///< the end of a part
  };
  std::vector<Pending> pending_;  ///< answers not read yet
  bool lost_ = false;
  std::int64_t statements_ = 0;
};

}  // namespace stoa::postgres
