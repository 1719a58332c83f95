#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "apphost/stack.hpp"

namespace stoa::apphost {

BOOST_DEFINE_ENUM_CLASS(Command, ps, logs, restart, scale, env)

/// What is asked of a running stack: one JSON text a line, on the socket `control_name` in its
/// folder.
struct Question {
  Command command = Command::ps;
  std::string resource;
  std::int64_t replicas = 0;

  static constexpr auto fields() {
    return std::tuple{json::field("command", &Question::command),
                      json::defaulted("resource", &Question::resource),
                      json::defaulted("replicas", &Question::replicas)};
  }
};

struct Variable {
  std::string name, value;
  static constexpr auto fields() {
    return std::tuple{json::field("name", &Variable::name), json::field("value", &Variable::value)};
  }
};

/// `error` tells what went wrong; otherwise there is what was asked for.
struct Answer {
  std::optional<std::string> error;
  std::vector<Row> rows;            ///< of ps
  std::string file;                 ///< of logs: where they are written
  std::vector<Variable> variables;  ///< of env

  static constexpr auto fields() {
    return std::tuple{json::field("error", &Answer::error),
                      json::defaulted("rows", &Answer::rows, json::Items{0, 2'000}),
                      json::defaulted("file", &Answer::file, json::Text{0, 5'000}),
                      json::defaulted("variables", &Answer::variables, json::Items{0, 1'000})};
  }
};

inline constexpr std::string_view control_name = "control";

/// What a running stack knows beside its processes. It outlives the answers.
struct Desk {
  std::function<std::string(const std::string& resource)> log_path;
  /// What a command must be told to reach all databases and brokers, secrets among it.
  std::function<std::map<std::string, std::string>()> variables;
};

/// Answers one line; may take as long as a restart.
std::string answer_line(Stack& stack, const Desk& desk, std::string_view line);

}  // namespace stoa::apphost
