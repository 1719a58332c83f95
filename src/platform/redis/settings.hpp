#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "kernel/base/result.hpp"

namespace stoa::redis {

/// Where a server is, and how long it may take.
struct Settings {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string user;      ///< empty: the server's default one
  std::string password;  ///< empty: no login
  int database = 0;
  bool tls = false;     ///< the server's certificate must be valid for `host`
  std::string ca_file;  ///< PEM; empty: the system's
  std::chrono::milliseconds connect_timeout{1'000};
  std::chrono::milliseconds command_timeout{50};  ///< then a command counts as not answered
};

/// Of `redis://[user:password@]host[:port][/database]`, `rediss://…` (TLS), or
/// `host[:port],password=…,user=…,defaultDatabase=…,ssl=true,connectTimeout=…,syncTimeout=…`, times
/// in milliseconds. `invalid` names what is not understood, and never repeats a value.
Result<Settings> settings_of(std::string_view connection_string);

}  // namespace stoa::redis
