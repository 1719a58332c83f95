#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// The rules between rooms, read from the `#include` lines of src/ (docs/architecture.md).
namespace {

namespace fs = std::filesystem;

/// Foreign headers live in their platform room alone; OpenSSL's TLS where a client library has
/// none.
const std::multimap<std::string_view, std::string_view> foreign{
    {"sqlite3.h", "platform/sqlite/"},     {"openssl/", "platform/openssl/"},
    {"libpq-fe.h", "platform/postgres/"},  {"librdkafka/", "platform/kafka/"},
    {"gumbo.h", "platform/gumbo/"},        {"zlib.h", "platform/zlib/"},
    {"xapian", "platform/xapian/"},        {"unicode/", "platform/icu/"},
    {"boost/asio", "platform/beast/"},     {"boost/beast", "platform/beast/"},
    {"curl/", "platform/curl/"},           {"zstd.h", "platform/zstd/"},
    {"opentelemetry/", "platform/otlp/"},  {"amqp", "platform/rabbitmq/"},
    {"rabbitmq-c/", "platform/rabbitmq/"}, {"hiredis/", "platform/redis/"},
    {"openssl/", "platform/redis/tls."},
};

/// `services/ordering/domain/order.cpp` is {"ordering", "domain"}.
struct Place {
  std::string service;
  std::string layer;
};

std::optional<Place> service_place(std::string_view path) {
  constexpr std::string_view services = "services/";
  if (!path.starts_with(services)) return std::nullopt;
  path.remove_prefix(services.size());
  const auto slash = path.find('/');
  if (slash == path.npos) return std::nullopt;
  const auto rest = path.substr(slash + 1);
  const auto layer = rest.starts_with("module.") ? "module" : rest.substr(0, rest.find('/'));
  return Place{std::string(path.substr(0, slash)), std::string(layer)};
}

bool is_contract(std::string_view path) {
  const auto place = service_place(path);
  return place && place->layer == "contracts";
}

bool may_service_include(const Place& from, std::string_view included) {
  const bool is_value =
      included.starts_with("kernel/base/") || included.starts_with("kernel/json/");
  const auto to = service_place(included);
  const bool is_own = to && to->service == from.service;
  const auto own = [&](std::string_view layer) { return is_own && to->layer == layer; };
  if (from.layer == "contracts") return is_value || own("contracts");
  if (from.layer == "domain") return is_value || own("domain");
  const bool common = included.starts_with("kernel/") || is_contract(included);
  if (from.layer == "application") return common || own("application") || own("domain");
  if (from.layer == "infrastructure")
    return common || own("infrastructure") || own("application") || own("domain");
  if (from.layer == "api") return common || own("api") || own("application");
  if (from.layer == "module") return common || is_own;
  return false;
}

bool may_include(std::string_view from, std::string_view included) {
  if (from.starts_with("main/")) return true;
  if (from.starts_with("kernel/")) return included.starts_with("kernel/");
  if (from.starts_with("platform/")) {
    const auto room = from.substr(0, from.find('/', std::string_view("platform/").size()) + 1);
    return included.starts_with("kernel/") || included.starts_with(room);
  }
  if (from.starts_with("gateway/") || from.starts_with("apphost/")) {
    const auto room = from.substr(0, from.find('/') + 1);
    return included.starts_with("kernel/") || included.starts_with(room) || is_contract(included);
  }
  const auto place = service_place(from);
  return place && may_service_include(*place, included);
}

bool is_at_home(std::string_view from, std::string_view header) {
  bool is_foreign = false;
  for (const auto& [prefix, home] : foreign) {
    if (!header.starts_with(prefix)) continue;
    if (from.starts_with(home)) return true;
    is_foreign = true;
  }
  return !is_foreign;
}

/// What one file breaks, each as a sentence. `path` is below src/.
std::vector<std::string> violations(const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    constexpr std::string_view directive = "#include ";
    if (!line.starts_with(directive) || line.size() < directive.size() + 2) continue;
    const char open = line[directive.size()];
    const auto end = line.find(open == '<' ? '>' : '"', directive.size() + 1);
    const auto header = line.substr(directive.size() + 1, end - directive.size() - 1);
    const bool good = open == '<' ? is_at_home(path, header) : may_include(path, header);
    if (good) continue;
    found.push_back(path);
    found.back().append(":").append(std::to_string(number)).append(" must not include ") += header;
  }
  if (path.ends_with(".hpp") && text.find("#pragma once\n") == text.npos)
    found.push_back(path + " lacks #pragma once");
  return found;
}

TEST(Architecture, Source_KeepsTheRulesBetweenRooms) {
  const fs::path root = fs::path(STOA_SOURCE_DIR) / "src";
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto path = entry.path().lexically_relative(root).string();
    if (!path.ends_with(".hpp") && !path.ends_with(".cpp")) continue;
    ++files;
    std::ifstream in(entry.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (const auto& violation : violations(path, text)) ADD_FAILURE() << violation;
  }
  EXPECT_GT(files, 50) << "the sources were not found";
}

TEST(Architecture, PlantedViolations_AreFound) {
  const auto breaks = [](const std::string& path, const std::string& header) {
    return violations(path, "#pragma once\n#include " + header + "\n").size() == 1;
  };
  EXPECT_TRUE(breaks("kernel/base/money.hpp", "\"platform/sqlite/database.hpp\""));
  EXPECT_TRUE(breaks("kernel/base/money.hpp", "<boost/asio/io_context.hpp>"));
  EXPECT_TRUE(breaks("platform/sqlite/x.cpp", "\"platform/openssl/crypto.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/domain/x.cpp", "\"kernel/sql/connection.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/domain/x.cpp", "\"services/ordering/application/x.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/contracts/x.hpp", "\"kernel/http/router.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/application/x.cpp", "\"services/payment/domain/x.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/application/x.cpp", "\"services/ordering/api/x.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/api/x.cpp", "\"services/ordering/infrastructure/x.hpp\""));
  EXPECT_TRUE(breaks("services/ordering/module.cpp", "\"services/catalog/module.hpp\""));
  EXPECT_TRUE(breaks("gateway/gateway.cpp", "\"services/catalog/application/products.hpp\""));
  EXPECT_TRUE(breaks("main/main.cpp", "<sqlite3.h>"));
  EXPECT_TRUE(breaks("platform/redis/link.cpp", "<openssl/ssl.h>"));
  EXPECT_TRUE(breaks("unknown/x.cpp", "\"kernel/base/money.hpp\""));
  EXPECT_EQ(violations("kernel/base/x.hpp", "int x;\n").size(), 1U);
}

TEST(Architecture, AllowedIncludes_AreNotReported) {
  const auto allows = [](const std::string& path, const std::string& header) {
    return violations(path, "#pragma once\n#include " + header + "\n").empty();
  };
  EXPECT_TRUE(allows("services/ordering/domain/x.cpp", "\"kernel/base/money.hpp\""));
  EXPECT_TRUE(
      allows("services/ordering/application/x.cpp", "\"services/payment/contracts/x.hpp\""));
  EXPECT_TRUE(allows("services/ordering/module.cpp", "\"services/ordering/api/x.hpp\""));
  EXPECT_TRUE(allows("platform/sqlite/x.cpp", "<sqlite3.h>"));
  EXPECT_TRUE(allows("platform/redis/tls.cpp", "<openssl/ssl.h>"));
  EXPECT_TRUE(allows("main/shop.cpp", "\"platform/sqlite/database.hpp\""));
  EXPECT_TRUE(allows("kernel/base/x.cpp", "<vector>"));
}

}  // namespace
