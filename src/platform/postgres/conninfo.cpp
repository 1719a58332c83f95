#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "kernel/base/text.hpp"
#include "platform/postgres/database.hpp"

namespace stoa::postgres {
namespace {

struct Word {
  std::string_view ours, libpq;
};

/// By what ADO.NET calls them, in small letters and without spaces.
constexpr std::array words{
    Word{"host", "host"},
    Word{"server", "host"},
    Word{"port", "port"},
    Word{"database", "dbname"},
    Word{"username", "user"},
    Word{"userid", "user"},
    Word{"password", "password"},
    Word{"sslmode", "sslmode"},
    Word{"rootcertificate", "sslrootcert"},
    Word{"sslcertificate", "sslcert"},
    Word{"sslkey", "sslkey"},
    Word{"timeout", "connect_timeout"},
    Word{"targetsessionattributes", "target_session_attrs"},
    Word{"applicationname", "application_name"},
};

std::string plain(std::string_view word) {
  std::string out;
  for (const char c : word)
    if (c != ' ') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string ssl_mode(std::string_view value) {
  auto mode = plain(value);
  if (mode == "verifyca") return "verify-ca";
  if (mode == "verifyfull") return "verify-full";
  return mode;
}

std::string in_quotes(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::unexpected<Error> refuse(std::string detail) {
  return fail(ErrorKind::invalid, "wrong_connection_string", std::move(detail));
}

}  // namespace

Result<std::string> conninfo_of(std::string_view connection_string) {
  if (connection_string.starts_with("postgresql://") ||
      connection_string.starts_with("postgres://"))
    return std::string(connection_string);
  std::string conninfo;
  while (!connection_string.empty()) {
    const auto end = std::min(connection_string.find(';'), connection_string.size());
    const auto part = trim(connection_string.substr(0, end));
    connection_string.remove_prefix(std::min(end + 1, connection_string.size()));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    if (equals == part.npos)
      return refuse("A connection string has parts as in Host=…;Database=…, not " +
                    std::string(part) + ".");
    const auto name = plain(part.substr(0, equals));
    const auto* const word = std::ranges::find(words, name, &Word::ours);
    if (word == words.end())
      return refuse("A connection string has no part " + std::string(part.substr(0, equals)) + ".");
    const auto value = trim(part.substr(equals + 1));
    conninfo.append(conninfo.empty() ? "" : " ").append(word->libpq).append("=");
    conninfo.append(in_quotes(word->libpq == "sslmode" ? ssl_mode(value) : std::string(value)));
  }
  return conninfo;
}

}  // namespace stoa::postgres
