#include "platform/postgres/dialect.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace stoa::postgres {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// The length of what stands at the front of `rest` and is taken as it is or replaced as a whole: a
/// quoted text, a name, a parameter, or one character.
std::size_t token_length(std::string_view rest) {
  if (rest.front() == '\'' || rest.front() == '"') {
    const auto end = rest.find(rest.front(), 1);
    return end == rest.npos ? rest.size() : end + 1;
  }
  if (!is_name(rest.front()) && rest.front() != '?') return 1;
  return 1 + static_cast<std::size_t>(std::ranges::find_if_not(rest.substr(1), is_name) -
                                      rest.substr(1).begin());
}

template <class Each>
void for_each_token(std::string_view text, Each&& each) {
  while (!text.empty()) {
    const auto token = text.substr(0, token_length(text));
    text.remove_prefix(token.size());
    each(token, text);
  }
}

std::string_view type_of(std::string_view token) {
  if (token == "INTEGER") return "bigint";
  if (token == "BLOB") return "bytea";
  return token;
}

class Parameters {
 public:
  /// Of a parameter that stands before `rest`; gives its number.
  int take(std::string_view token, std::string_view rest) {
    int number = 0;
    std::from_chars(token.data() + 1, token.data() + token.size(), number);
    if (number == 0) number = last_ + 1;
    last_ = number;
    const auto at = static_cast<std::size_t>(number) - 1;
    if (kinds_.size() <= at) kinds_.resize(at + 1, Kind::unused);
    if (rest.starts_with(" IS NULL")) kinds_[at] = Kind::asked;
    if (kinds_[at] == Kind::unused) kinds_[at] = Kind::typed;
    return number;
  }
  [[nodiscard]] std::vector<bool> untyped() const {
    std::vector<bool> untyped;
    untyped.reserve(kinds_.size());
    for (const auto kind : kinds_) untyped.push_back(kind != Kind::typed);
    return untyped;
  }

 private:
  enum class Kind { unused, typed, asked };
  std::vector<Kind> kinds_;
  int last_ = 0;
};

}  // namespace

Translated translate(std::string_view statement) {
  Translated out;
  out.text.reserve(statement.size() + 16);
  Parameters parameters;
  for_each_token(statement, [&](std::string_view token, std::string_view rest) {
    if (token.front() != '?') {
      if (token == "RETURNING") out.returns_rows = true;
      out.text.append(type_of(token));
      return;
    }
    out.text.append("$").append(std::to_string(parameters.take(token, rest)));
  });
  out.is_untyped = parameters.untyped();
  const auto first = out.text.find_first_not_of(" \n");
  const auto begins = [&](std::string_view word) {
    return out.text.compare(first, word.size(), word) == 0;
  };
  if (begins("SELECT") || begins("WITH")) out.returns_rows = true;
  return out;
}

std::string translate_script(std::string_view script) {
  std::string out;
  out.reserve(script.size() + script.size() / 4);
  for_each_token(script, [&](std::string_view token, std::string_view rest) {
    constexpr std::string_view rowid = " ROWID";
    if (token == "TEXT") {
      out.append("text COLLATE \"C\"");
    } else if (token == "WITHOUT" && rest.starts_with(rowid)) {
      return;
    } else if (token != "ROWID") {
      out.append(type_of(token));
    }
  });
  return out;
}

}  // namespace stoa::postgres
