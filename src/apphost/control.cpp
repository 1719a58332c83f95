#include "apphost/control.hpp"

namespace stoa::apphost {
namespace {

Answer of(const Result<void>& result) {
  Answer answer;
  if (!result) answer.error = result.error().detail;
  return answer;
}

}  // namespace

std::string answer_line(Stack& stack, const Desk& desk, std::string_view line) {
  const auto question = json::read_input<Question>(line);
  if (!question) return json::to_json(of(fail(question.error())));
  Answer answer;
  switch (question->command) {
    case Command::ps:
      answer.rows = stack.rows();
      break;
    case Command::logs:
      answer = of(stack.check(question->resource));
      if (!answer.error) answer.file = desk.log_path(question->resource);
      break;
    case Command::restart:
      answer = of(stack.restart(question->resource));
      break;
    case Command::scale:
      answer = of(stack.scale(question->resource, question->replicas));
      break;
    case Command::env:
      for (auto& [name, value] : desk.variables()) answer.variables.push_back({name, value});
      break;
  }
  return json::to_json(answer);
}

}  // namespace stoa::apphost
