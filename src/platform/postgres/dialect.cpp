#include "platform/postgres/dialect.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

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
  if (!is_name(rest.front()) && rest.front() != '?' && rest.front() != '$') return 1;
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

/// Reads a translated statement from its front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] std::string_view rest() const { return rest_; }
  std::string_view next() {
    skip_space();
    if (rest_.empty()) return {};
    const auto token = rest_.substr(0, token_length(rest_));
    rest_.remove_prefix(token.size());
    return token;
  }
  bool take(std::string_view wanted) {
    const auto before = rest_;
    if (next() == wanted) return true;
    rest_ = before;
    return false;
  }
  /// What stands between parentheses, each of one token; nothing when some are of more.
  std::optional<std::vector<std::string>> list() {
    std::vector<std::string> items;
    do {
      items.emplace_back(next());
    } while (take(","));
    if (!take(")")) return std::nullopt;
    return items;
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }

  std::string_view rest_;
};

/// From 0, of `$1`.
std::size_t parameter_of(const std::string& value) { return std::stoul(value.substr(1)) - 1; }

bool is_literal(std::string_view token) {
  return token == "NULL" || token.front() == '\'' ||
         std::ranges::all_of(token, [](char c) { return c >= '0' && c <= '9'; });
}

/// The parameters, from 0, of the columns that an upsert's rows are told apart by.
std::optional<std::vector<std::size_t>> upsert_key(const RowWrite& insert,
                                                   const std::vector<std::string>& columns) {
  Scanner tail(insert.tail);
  if (!tail.take("ON") || !tail.take("CONFLICT") || !tail.take("(")) return std::nullopt;
  const auto names = tail.list();
  if (!names) return std::nullopt;
  std::vector<std::size_t> key;
  for (const auto& name : *names) {
    const auto at = static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin());
    if (at >= std::min(columns.size(), insert.values.size())) return std::nullopt;
    const auto& value = insert.values[at];
    if (value.front() == '$') key.push_back(parameter_of(value));
  }
  return key;
}

std::shared_ptr<const RowWrite> row_insert(std::string_view text) {
  Scanner scanner(text);
  if (!scanner.take("INSERT") || !scanner.take("INTO")) return nullptr;
  auto insert = std::make_shared<RowWrite>();
  insert->text = text;
  insert->table = scanner.next();
  std::vector<std::string> columns;
  if (scanner.take("(")) {
    auto listed = scanner.list();
    if (!listed) return nullptr;
    columns = std::move(*listed);
  }
  insert->head = text.substr(0, text.size() - scanner.rest().size());
  if (!scanner.take("VALUES") || !scanner.take("(")) return nullptr;
  auto values = scanner.list();
  if (!values || std::ranges::any_of(*values, [](const std::string& value) {
        return value.empty() || (value.front() != '$' && !is_literal(value));
      }))
    return nullptr;
  insert->values = std::move(*values);
  insert->tail = scanner.rest();
  const bool has_one_row = !scanner.take(",");
  if (!has_one_row || insert->tail.find('$') != std::string::npos) return nullptr;
  for (std::size_t at = 0; at < std::min(columns.size(), insert->values.size()); ++at) {
    if (insert->values[at].front() != '$') continue;
    const auto parameter = parameter_of(insert->values[at]);
    if (insert->columns.size() <= parameter) insert->columns.resize(parameter + 1);
    insert->columns[parameter] = columns[at];
  }
  insert->is_upsert = insert->tail.find(" DO UPDATE") != std::string::npos;
  if (!insert->is_upsert) return insert;
  auto key = upsert_key(*insert, columns);
  if (!key) return nullptr;
  insert->key = std::move(*key);
  return insert;
}

std::shared_ptr<const RowWrite> row_removal(std::string_view text) {
  Scanner scanner(text);
  if (!scanner.take("DELETE") || !scanner.take("FROM")) return nullptr;
  auto removal = std::make_shared<RowWrite>();
  removal->is_removal = true;
  removal->text = text;
  removal->table = scanner.next();
  removal->head = text.substr(0, text.size() - scanner.rest().size());
  if (!scanner.take("WHERE")) return nullptr;
  do {
    const auto column = scanner.next();
    const auto at = removal->columns.size() + 1;
    if (column.empty() || !is_name(column.front()) || !scanner.take("=") ||
        scanner.next() != "$" + std::to_string(at))
      return nullptr;
    removal->columns.emplace_back(column);
  } while (scanner.take("AND"));
  return scanner.next().empty() ? removal : nullptr;
}

std::string written_table(std::string_view text) {
  Scanner scanner(text);
  const bool is_known = scanner.take("UPDATE") ||
                        (scanner.take("INSERT") && scanner.take("INTO")) ||
                        (scanner.take("DELETE") && scanner.take("FROM"));
  return is_known ? std::string(scanner.next()) : std::string();
}

}  // namespace

Translated translate(std::string_view statement) {
  Translated out;
  out.text.reserve(statement.size() + 16);
  Parameters parameters;
  for_each_token(statement, [&](std::string_view token, std::string_view rest) {
    if (token.front() != '?') {
      if (token == "RETURNING") out.returns_rows = true;
      if (token.size() > 1 && is_name(token.front())) out.names.emplace_back(token);
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
  out.may_write = !begins("SELECT");
  std::ranges::sort(out.names);
  if (out.may_write) out.written = written_table(out.text);
  if (out.returns_rows) return out;
  out.write = row_insert(out.text);
  if (!out.write) out.write = row_removal(out.text);
  return out;
}

std::optional<KeyedSelect> keyed_select(const Translated& statement,
                                        const std::vector<std::string_view>& parameters) {
  if (statement.may_write) return std::nullopt;
  KeyedSelect select;
  Scanner scanner(statement.text);
  bool is_by_key = false;
  for (auto token = scanner.next(); !token.empty(); token = scanner.next()) {
    if (token == "FROM" || token == "JOIN") {
      if (scanner.take("(")) continue;
      select.tables.emplace_back(scanner.next());
    } else if (!is_by_key && (token == "WHERE" || token == "AND")) {
      select.column = scanner.next();
      if (scanner.take(".")) select.column = scanner.next();
      is_by_key = scanner.take("=") && scanner.take("$1");
    }
  }
  if (!is_by_key) return std::nullopt;
  std::string types, names, one;
  for (std::size_t at = 0; at < parameters.size(); ++at) {
    const auto number = std::to_string(at + 1);
    types.append(at == 0 ? "" : ", ").append("$").append(number).append("::");
    types.append(parameters[at]);
    names.append("p").append(number).append(", ");
  }
  for_each_token(statement.text, [&](std::string_view token, std::string_view) {
    if (token.front() == '$' && token.size() > 1)
      one.append("given.p").append(token.substr(1));
    else
      one.append(token);
  });
  // OFFSET 0 keeps it a query of its own, asked for each row of parameters as it would be alone.
  select.together = "SELECT found.*, given.n FROM unnest(" + types + ") WITH ORDINALITY AS given(" +
                    names + "n), LATERAL (" + one + " OFFSET 0) AS found";
  return select;
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
