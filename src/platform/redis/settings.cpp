#include "platform/redis/settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "kernel/base/text.hpp"

namespace stoa::redis {
namespace {

constexpr int timeout_ms_max = 60'000;

std::unexpected<Error> refuse(std::string detail) {
  return fail(ErrorKind::invalid, "wrong_connection_string", std::move(detail));
}

std::optional<int> number_of(std::string_view text, int min, int max) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = error == std::errc{} && end == text.data() + text.size();
  return good && number >= min && number <= max ? std::optional(number) : std::nullopt;
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
Result<void> read_address(std::string_view text, Settings& settings) {
  auto host = text;
  auto port = std::string_view();
  const auto bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const auto colon = text.find(':', bracket == text.npos ? 0 : bracket);
  if (colon != text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const auto number = number_of(port, 1, 65'535);
    if (!number) return refuse("A port of Redis is a number from 1 to 65535.");
    settings.port = *number;
  }
  if (bracket != text.npos) host = host.substr(1, bracket - 1);
  if (host.empty()) return refuse("The host of Redis is missing.");
  settings.host = host;
  return {};
}

Result<void> read_login(std::string_view login, Settings& settings) {
  const auto colon = login.find(':');
  if (colon == login.npos) return refuse("A login of Redis is user:password.");
  const auto user = percent_decode(login.substr(0, colon));
  const auto password = percent_decode(login.substr(colon + 1));
  if (!user || !password) return refuse("A login of Redis has a wrong escape after %.");
  settings.user = *user;
  settings.password = *password;
  return {};
}

Result<Settings> read_uri(std::string_view rest) {
  Settings settings;
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    if (auto login = read_login(rest.substr(0, at), settings); !login)
      return fail(std::move(login.error()));
    rest.remove_prefix(at + 1);
  }
  if (const auto slash = rest.find('/'); slash != rest.npos) {
    const auto database = rest.substr(slash + 1);
    const auto number = number_of(database, 0, 1'000'000);
    if (!database.empty() && !number) return refuse("A database of Redis is a number from 0 on.");
    settings.database = number.value_or(0);
    rest = rest.substr(0, slash);
  }
  if (auto address = read_address(rest, settings); !address)
    return fail(std::move(address.error()));
  return settings;
}

Result<void> read_option(std::string_view name, std::string_view value, Settings& settings) {
  const auto word = ascii_lower(name);
  if (word == "password") {
    settings.password = value;
  } else if (word == "user" || word == "username") {
    settings.user = value;
  } else if (word == "ssl") {
    settings.tls = ascii_iequals(value, "true");
    if (!settings.tls && !ascii_iequals(value, "false")) return refuse("ssl is true or false.");
  } else if (word == "defaultdatabase") {
    const auto number = number_of(value, 0, 1'000'000);
    if (!number) return refuse("defaultDatabase is a number from 0 on.");
    settings.database = *number;
  } else if (word == "connecttimeout" || word == "synctimeout") {
    const auto number = number_of(value, 1, timeout_ms_max);
    if (!number) return refuse(std::string(name) + " is a number of milliseconds, at most 60000.");
    (word == "synctimeout" ? settings.command_timeout : settings.connect_timeout) =
        std::chrono::milliseconds(*number);
  } else {
    return refuse("A connection string of Redis has no option " + std::string(name) + ".");
  }
  return {};
}

Result<Settings> read_list(std::string_view text) {
  Settings settings;
  bool has_address = false;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const auto part = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    if (equals == part.npos && has_address) return refuse("Stoa uses one server of Redis.");
    auto read = equals == part.npos
                    ? read_address(part, settings)
                    : read_option(part.substr(0, equals), part.substr(equals + 1), settings);
    if (!read) return fail(std::move(read.error()));
    has_address = has_address || equals == part.npos;
  }
  if (!has_address) return refuse("The host of Redis is missing.");
  return settings;
}

}  // namespace

Result<Settings> settings_of(std::string_view connection_string) {
  constexpr std::string_view plain = "redis://", secure = "rediss://";
  const bool is_secure = connection_string.starts_with(secure);
  if (!is_secure && !connection_string.starts_with(plain)) return read_list(connection_string);
  auto settings = read_uri(connection_string.substr(is_secure ? secure.size() : plain.size()));
  if (settings) settings->tls = is_secure;
  return settings;
}

}  // namespace stoa::redis
