#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::process {

/// To the keeper: start a program (with the descriptor of its output attached), or give one a
/// signal.
struct KeeperRequest {
  std::int64_t id = 0;
  std::vector<std::string> arguments;    ///< empty: a signal
  std::vector<std::string> environment;  ///< `NAME=value`
  std::string folder;
  std::string user;
  std::int64_t signal = 0;  ///< to give, or of a new program its last one

  static constexpr auto fields() {
    return std::tuple{json::field("id", &KeeperRequest::id),
                      json::field("arguments", &KeeperRequest::arguments),
                      json::field("environment", &KeeperRequest::environment),
                      json::field("folder", &KeeperRequest::folder),
                      json::field("user", &KeeperRequest::user),
                      json::field("signal", &KeeperRequest::signal)};
  }
};

/// From the keeper: a program has begun (`process`; 0: it could not), or has ended (`status`).
struct KeeperReport {
  std::int64_t id = 0;
  std::int64_t process = 0;
  bool ended = false;
  std::int64_t status = 0;

  static constexpr auto fields() {
    return std::tuple{
        json::field("id", &KeeperReport::id), json::field("process", &KeeperReport::process),
        json::field("ended", &KeeperReport::ended), json::field("status", &KeeperReport::status)};
  }
};

/// For execv; good as long as the words are.
inline std::vector<char*> argument_pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Bytes of a message, one JSON text.
inline constexpr std::size_t keeper_message_max = 131'072;

}  // namespace stoa::process
