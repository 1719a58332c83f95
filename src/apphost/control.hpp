#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tuple>

#include "apphost/stack.hpp"

namespace stoa::apphost {

BOOST_DEFINE_ENUM_CLASS(Command, ps, logs, restart, scale)

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

/// `error` tells what went wrong; otherwise there is what was asked for.
struct Answer {
  std::optional<std::string> error;
  std::vector<Row> rows;  ///< of ps
  std::string file;       ///< of logs: where they are written

  static constexpr auto fields() {
    return std::tuple{json::field("error", &Answer::error),
                      json::defaulted("rows", &Answer::rows, json::Items{0, 2'000}),
                      json::defaulted("file", &Answer::file, json::Text{0, 5'000})};
  }
};

inline constexpr std::string_view control_name = "control";

/// Answers one line; may take as long as a restart. `log_path` is that of a resource.
std::string answer_line(Stack& stack,
                        const std::function<std::string(const std::string&)>& log_path,
                        std::string_view line);

}  // namespace stoa::apphost
