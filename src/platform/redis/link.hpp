#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "platform/redis/settings.hpp"

namespace stoa::redis {

/// No server, or none that lets us in. Says no secrets.
class Unreachable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

using Command = std::vector<std::string>;

class Tls;

/// One connection, for one thread: commands are written and replies read without waiting; the
/// caller polls `fd`. What breaks makes it `is_lost`, or is thrown as Unreachable.
class Link {
 public:
  /// Connects, in TLS if so set, logs in, chooses the database, and asks for a sign of life; waits
  /// for each at most `connect_timeout`. Throws Unreachable.
  explicit Link(const Settings& settings);
  ~Link();

  /// Only before the first `append`: waits for the answer. Throws Unreachable.
  Reply ask(const Command& command);
  /// From here on nothing waits.
  void stop_waiting();

  void append(const Command& command);
  /// Writes what can be written; true when all is.
  bool write();
  /// Reads what is there.
  void read();
  /// The next whole reply; null when there is none yet.
  Reply next();

  [[nodiscard]] int fd() const { return context_->fd; }
  [[nodiscard]] bool is_lost() const { return context_->err != 0; }

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  void log_in(const Settings& settings);
  Reply wait_in_the_clear();
  Reply wait_in_tls();
  std::size_t read_in_tls();

  std::unique_ptr<redisContext, Free> context_;
  std::unique_ptr<Tls> tls_;  ///< null: in the clear
  std::string unwritten_;     ///< of commands, with TLS
};

}  // namespace stoa::redis
