#include "platform/postgres/prefetch.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "kernel/base/assert.hpp"

namespace stoa::postgres {
namespace {

/// No text is the front of another's.
std::string text_of(const Value& value) {
  return std::to_string(value.type) + ":" + std::to_string(value.bytes->size()) + ":" +
         std::string(*value.bytes);
}

std::string text_of(const std::vector<Value>& values) {
  std::string text;
  for (const auto& value : values) text += text_of(value);
  return text;
}

bool is_given(const Value& value) { return value.bytes.has_value(); }

/// Of the row of parameters that a row was found for, from 0.
std::size_t number_of(PGresult* result, int row) {
  const int last = PQnfields(result) - 1;
  std::size_t number = 0;
  const char* const text = PQgetvalue(result, row, last);
  std::from_chars(text, text + PQgetlength(result, row, last), number);
  return number - 1;
}

}  // namespace

void Prefetch::expect(const Translated& statement, const std::vector<Value>& values) {
  if (values.empty() || !std::ranges::all_of(values, is_given)) return;
  auto& asked = asked_[statement.text];
  if (!asked.expected.can_take(values)) return;
  if (!asked.questions.emplace(text_of(values), asked.expected.size()).second) return;
  asked.expected.add(values);
  is_empty_ = false;
  if (!asked.select.together.empty()) return;
  std::vector<std::string_view> types;
  types.reserve(values.size());
  for (std::size_t at = 0; at < values.size(); ++at) types.push_back(asked.expected.array_type(at));
  auto select = keyed_select(statement, types);
  STOA_ASSERT(select.has_value());
  asked.select = std::move(*select);
  asked.names = statement.names;
}

std::optional<Prefetch::Answer> Prefetch::answer(const Translated& statement,
                                                 const std::vector<Value>& values, const Ask& ask) {
  const auto found = asked_.find(statement.text);
  if (found == asked_.end() || !std::ranges::all_of(values, is_given)) return std::nullopt;
  auto& asked = found->second;
  const auto question = text_of(values);
  if (asked.expected.size() > 1 && asked.questions.contains(question)) ask_all(asked, ask);
  const auto known = asked.answers.find(question);
  if (known == asked.answers.end()) return std::nullopt;
  auto answer = std::move(known->second);
  asked.answers.erase(known);
  return answer;
}

void Prefetch::ask_all(Asked& asked, const Ask& ask) {
  const std::shared_ptr<PGresult> result(ask(asked.select.together, asked.expected.arrays()));
  std::vector<Answer> answers(asked.questions.size(), Answer{result});
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    auto& answer = answers.at(number_of(result.get(), row));
    if (answer.rows == 0) answer.first = row;
    STOA_ASSERT(answer.first + answer.rows == row);
    ++answer.rows;
  }
  for (const auto& [question, at] : asked.questions)
    asked.answers.insert_or_assign(question, answers[at]);
  asked.expected.clear();
  asked.questions.clear();
}

void Prefetch::wrote(const RowWrite& write, const std::vector<Value>& row) {
  if (is_empty_) return;
  for (auto& [statement, asked] : asked_) {
    if (asked.answers.empty() || !std::ranges::binary_search(asked.names, write.table)) continue;
    const auto column = std::ranges::find(write.columns, asked.select.column);
    const bool is_by_key = asked.select.tables == std::vector{write.table};
    if (!is_by_key || column == write.columns.end()) {
      asked.answers.clear();
      continue;
    }
    const auto& value = row[static_cast<std::size_t>(column - write.columns.begin())];
    if (!is_given(value)) continue;
    const auto key = text_of(value);
    std::erase_if(asked.answers, [&](const auto& known) { return known.first.starts_with(key); });
  }
}

void Prefetch::wrote(const std::string& table) {
  if (is_empty_) return;
  for (auto& [statement, asked] : asked_)
    if (table.empty() || std::ranges::binary_search(asked.names, table)) asked.answers.clear();
}

void Prefetch::clear() {
  if (is_empty_) return;
  for (auto& [statement, asked] : asked_) {
    asked.expected.clear();
    asked.questions.clear();
    asked.answers.clear();
  }
  is_empty_ = true;
}

}  // namespace stoa::postgres
