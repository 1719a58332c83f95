#include "main/configuration.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <vector>

#include "kernel/base/assert.hpp"
#include "kernel/base/files.hpp"
#include "kernel/base/text.hpp"
#include "kernel/jobs/schedule.hpp"
#include "kernel/json/codec.hpp"
#include "main/notification_settings.hpp"

namespace stoa {
namespace {

enum class Kind {
  text,
  integer,
  secret_key,
  publishable_key,
  choice,
  webhook_secrets,
  stripe_key,
  provider_url,
  schedule,
  ratio,
  url,
  urls
};

struct Setting {
  std::string_view path;
  Kind kind = Kind::text;
  std::string_view initial = {};
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::string_view choices = {};  ///< separated by spaces
  bool secret = false;
};

/// Every setting there is. Those of servers that the embedded shape does not use are known, so that
/// one file serves every shape.
constexpr Setting settings[] = {
    {"Auth:SecretKey", Kind::secret_key, "", 0, 0, "", true},
    {"Auth:PublishableKey", Kind::publishable_key, "", 0, 0, "", true},
    {"Auth:ShopSecret", Kind::text, "", 0, 0, "", true},
    {"Http:Address", Kind::text, "127.0.0.1"},
    {"Http:Threads", Kind::integer, "1", 1, 64},
    {"Http:ReaderThreads", Kind::integer, "2", 1, 64},
    {"Http:ConnectionsMax", Kind::integer, "4096", 1, 1'000'000},
    {"Http:HeaderTimeoutMs", Kind::integer, "10000", 1, 3'600'000},
    {"Http:BodyTimeoutMs", Kind::integer, "30000", 1, 3'600'000},
    {"Http:IdleTimeoutMs", Kind::integer, "60000", 1, 3'600'000},
    {"Http:StreamsMax", Kind::integer, "1000", 0, 1'000'000},
    {"Http:StreamHeartbeatMs", Kind::integer, "15000", 1, 3'600'000},
    {"Http:StreamSecondsMax", Kind::integer, "3600", 1, 86'400},
    {"Cache:BytesMax", Kind::integer, "16777216", 0, 1'000'000'000},
    {"Cache:ProductSecondsMax", Kind::integer, "30", 0, 86'400},
    {"Logging:Level", Kind::choice, "information", 0, 0, "debug information warning error"},
    {"Ordering:PaymentDeadlineSeconds", Kind::integer, "900", 1, 604'800},
    {"Ordering:AuthorisationDeadlineSeconds", Kind::integer, "604800", 1, 2'592'000},
    {"Fraud:DeadlineMs", Kind::integer, "2000", 1, 600'000},
    {"Fraud:Default", Kind::choice, "accept", 0, 0, "accept reject"},
    {"Fraud:RejectAt", Kind::integer, "0", 0, 100},
    {"Payment:ProviderTimeoutMs", Kind::integer, "3000", 100, 600'000},
    {"Search:Threads", Kind::integer, "1", 1, 64},
    {"Search:Language", Kind::choice, "english", 0, 0,
     "none arabic armenian basque catalan danish dutch english finnish french german hungarian "
     "indonesian irish italian lithuanian nepali norwegian portuguese romanian russian spanish "
     "swedish tamil turkish"},
    {"Payment:Simulator:Enabled", Kind::choice, "auto", 0, 0, "auto true false"},
    {"Payment:Simulator:WebhookSecrets", Kind::webhook_secrets, "", 0, 0, "", true},
    {"Payment:Stripe:SecretKey", Kind::stripe_key, "", 0, 0, "", true},
    {"Payment:Stripe:WebhookSecrets", Kind::webhook_secrets, "", 0, 0, "", true},
    {"Payment:Stripe:BaseUrl", Kind::provider_url, "https://api.stripe.com"},
    {"Payment:Stripe:CaFile"},
    {"Payment:Stripe:Connections", Kind::integer, "16", 1, 256},
    {"Notification:RetryFirstMs", Kind::integer, "30000", 10, 3'600'000},
    {"Notification:GiveUpAfterSeconds", Kind::integer, "86400", 1, 2'592'000},
    {"Notification:LeaseSeconds", Kind::integer, "60", 2, 3'600},
    {"Notification:HandOverAgainSeconds", Kind::integer, "300", 1, 86'400},
    {"Smtp:Host"},
    {"Smtp:Port", Kind::integer, "587", 1, 65'535},
    {"Smtp:From"},
    {"Smtp:UserName"},
    {"Smtp:Password", Kind::text, "", 0, 0, "", true},
    {"Smtp:Security", Kind::choice, "auto", 0, 0, "auto none starttls tls"},
    {"Smtp:CaFile"},
    {"Sms:Provider", Kind::choice, "twilio", 0, 0, "twilio"},
    {"Sms:BaseUrl", Kind::text, "https://api.twilio.com"},
    {"Sms:AccountSid"},
    {"Sms:AuthToken", Kind::text, "", 0, 0, "", true},
    {"Sms:From"},
    {"Doctor:DiskFreeMiB", Kind::integer, "1024", 0, 1'000'000'000},
    {"Doctor:WalMiB", Kind::integer, "256", 0, 1'000'000},
    {"Doctor:ProjectionLag", Kind::integer, "10000", 0, 1'000'000'000},
    {"RateLimits:RequestsPerSecond", Kind::integer, "0", 0, 1'000'000},
    {"RateLimits:Burst", Kind::integer, "0", 0, 1'000'000},
    {"Jobs:CleanUpSchedule", Kind::schedule, "daily 03:30"},
    {"Jobs:DeadlineSweepSchedule", Kind::schedule},
    {"Jobs:ExportProductsSchedule", Kind::schedule},
    {"Jobs:KeepDays", Kind::integer, "7", 1, 3'650},
    {"Telemetry:OtlpEndpoint", Kind::url},
    {"Telemetry:OtlpHeaders", Kind::text, "", 0, 0, "", true},
    {"Telemetry:OtlpProtocol", Kind::choice, "protobuf", 0, 0, "protobuf json"},
    {"Telemetry:ZipkinEndpoint", Kind::url},
    {"Telemetry:SampleRatio", Kind::ratio, "0.1"},
    {"Telemetry:ServiceName", Kind::text, "stoa"},
    {"Telemetry:IntervalMs", Kind::integer, "1000", 10, 600'000},
    {"Telemetry:MetricsIntervalMs", Kind::integer, "15000", 10, 3'600'000},
    {"ConnectionStrings:CatalogDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:OrderingDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:PaymentDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:NotificationDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:AgentsDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:CatalogDbReadOnly", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:OrderingDbReadOnly", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:PaymentDbReadOnly", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:NotificationDbReadOnly", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:AgentsDbReadOnly", Kind::text, "", 0, 0, "", true},
    {"ReadOnly:LagSecondsMax", Kind::integer, "5", 1, 3'600},
    {"ConnectionStrings:IdentityDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:BasketDb", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:Redis", Kind::text, "", 0, 0, "", true},
    {"ConnectionStrings:EventStore", Kind::text, "", 0, 0, "", true},
    {"Services:Catalog", Kind::urls, "http://127.0.0.1:5001"},
    {"Services:Ordering", Kind::urls, "http://127.0.0.1:5002"},
    {"Services:Payment", Kind::urls, "http://127.0.0.1:5003"},
    {"Services:Notification", Kind::urls, "http://127.0.0.1:5004"},
    {"Services:Agents", Kind::urls, "http://127.0.0.1:5005"},
    {"Services:File"},
    {"Gateway:Endpoints"},
    {"Kafka:BootstrapServers"},
    {"Kafka:Partitions", Kind::integer, "1", 1, 1'000},
    {"Kafka:Replication", Kind::integer, "1", 1, 15},
    {"Kafka:SecurityProtocol", Kind::choice, "plaintext", 0, 0,
     "plaintext ssl sasl_plaintext sasl_ssl"},
    {"Kafka:SaslMechanism"},
    {"Kafka:SaslUserName"},
    {"Kafka:SaslPassword", Kind::text, "", 0, 0, "", true},
    {"Kafka:CaFile"},
    {"Redis:CaFile"},
    {"RabbitMQ:HostName"},
    {"RabbitMQ:Port", Kind::integer, "5672", 1, 65'535},
    {"RabbitMQ:UserName"},
    {"RabbitMQ:Password", Kind::text, "", 0, 0, "", true},
    {"RabbitMQ:VirtualHost", Kind::text, "/"},
    {"RabbitMQ:Tls", Kind::choice, "false", 0, 0, "false true"},
    {"RabbitMQ:CaFile"},
    {"RabbitMQ:RequestTimeoutMs", Kind::integer, "5000", 100, 55'000},
    {"AzureOpenAI:Endpoint"},
    {"AzureOpenAI:ApiKey", Kind::text, "", 0, 0, "", true},
    {"AzureOpenAI:DeploymentName"},
};

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> members;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (const auto member = trim(text.substr(0, comma)); !member.empty())
      members.emplace_back(member);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return members;
}

const Setting* find_setting(std::string_view path) {
  const auto* at = std::find_if(std::begin(settings), std::end(settings),
                                [&](const Setting& one) { return one.path == path; });
  return at == std::end(settings) ? nullptr : at;
}

bool is_key(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) && text.size() >= prefix.size() + 32 && text.size() <= 255 &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(prefix.size()), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

/// https, or http to this machine: a key must not travel in the clear.
bool is_provider_url(std::string_view text) {
  for (const std::string_view origin : {"https://", "http://127.0.0.1", "http://[::1]"}) {
    if (!text.starts_with(origin) || text.size() == origin.size()) continue;
    const auto rest = text.substr(origin.size());
    const bool is_host_whole = origin == "https://" || rest.front() == ':' || rest.front() == '/';
    return is_host_whole && !text.ends_with('/') && is_printable(text) &&
           text.find_first_of("?#@") == text.npos;
  }
  return text == "http://127.0.0.1" || text == "http://[::1]";
}

bool is_choice(std::string_view choices, std::string_view text) {
  const auto padded = " " + std::string(choices) + " ";
  return !text.empty() && padded.find(" " + std::string(text) + " ") != std::string::npos;
}

bool is_ratio(const std::string& text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0 && value <= 1;
}

/// What is wrong with a value; empty when nothing is. Never repeats the value: it may be a secret.
std::string fault(const Setting& setting, const std::string& value) {
  switch (setting.kind) {
    case Kind::text:
      return {};
    case Kind::secret_key:
      return value.empty() || is_key(value, "sk_")
                 ? ""
                 : "must be sk_ and at least 32 letters and digits";
    case Kind::publishable_key:
      return value.empty() || is_key(value, "pk_")
                 ? ""
                 : "must be pk_ and at least 32 letters and digits";
    case Kind::ratio:
      return is_ratio(value) ? "" : "must be a number from 0 to 1";
    case Kind::url:
      return value.empty() || value.starts_with("http://") || value.starts_with("https://")
                 ? ""
                 : "must begin with http:// or https://";
    case Kind::urls:
      return std::ranges::all_of(split_list(value),
                                 [](const auto& one) { return one.starts_with("http://"); })
                 ? ""
                 : "must be http:// addresses, separated by commas";
    case Kind::choice:
      return is_choice(setting.choices, value) ? ""
                                               : "must be one of " + std::string(setting.choices);
    case Kind::webhook_secrets:
      return std::ranges::all_of(split_list(value),
                                 [](const auto& one) {
                                   return one.size() >= 16 && one.size() <= 255 &&
                                          is_printable(one);
                                 })
                 ? ""
                 : "must be secrets of at least 16 characters, separated by commas";
    case Kind::stripe_key:
      return value.empty() || ((value.starts_with("sk_") || value.starts_with("rk_")) &&
                               value.size() <= 255 && is_printable(value))
                 ? ""
                 : "must be a secret or restricted key of Stripe: sk_… or rk_…";
    case Kind::provider_url:
      return is_provider_url(value)
                 ? ""
                 : "must be an https address without a slash at the end, or http to 127.0.0.1";
    case Kind::schedule:
      return value.empty() || jobs::Schedule::parse(value)
                 ? ""
                 : "must be a schedule such as daily 03:30 or every 15m, or empty";
    case Kind::integer: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      const bool good = error == std::errc{} && end == value.data() + value.size() &&
                        number >= setting.min && number <= setting.max;
      return good ? ""
                  : "must be a whole number from " + std::to_string(setting.min) + " to " +
                        std::to_string(setting.max);
    }
  }
  return {};
}

std::optional<std::string> scalar_text(const json::Value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* number = value.if_int64()) return std::to_string(*number);
  if (value.is_double()) return boost::json::serialize(value);
  if (const auto* flag = value.if_bool()) return *flag ? "true" : "false";
  return std::nullopt;
}

using Given = std::vector<std::pair<std::string, std::string>>;

void flatten(const json::Object& object, const std::string& prefix, Given& given,
             std::vector<FieldError>& errors) {
  for (const auto& member : object) {
    const auto path = prefix + std::string(member.key());
    if (const auto* inner = member.value().if_object()) {
      flatten(*inner, path + ":", given, errors);
    } else if (const auto text = scalar_text(member.value())) {
      given.emplace_back(path, *text);
    } else {
      errors.push_back({path, "wrong_type", "must be a text, a number or a section"});
    }
  }
}

}  // namespace

const std::string& Configuration::text(std::string_view path) const {
  const auto at = values_.find(path);
  STOA_ASSERT(at != values_.end());
  return at->second;
}

double Configuration::ratio(std::string_view path) const { return std::stod(text(path)); }

std::int64_t Configuration::integer(std::string_view path) const { return std::stoll(text(path)); }

std::vector<std::string> Configuration::list(std::string_view path) const {
  return split_list(text(path));
}

std::string Configuration::to_masked_json() const {
  json::Object root;
  for (const auto& [path, value] : values_) {
    auto* section = &root;
    std::string_view name = path;
    for (auto colon = name.find(':'); colon != name.npos; colon = name.find(':')) {
      auto& inner = (*section)[name.substr(0, colon)];
      section = inner.is_object() ? &inner.as_object() : &inner.emplace_object();
      name.remove_prefix(colon + 1);
    }
    const auto* setting = find_setting(path);
    auto& member = (*section)[name];
    if (setting->secret && !value.empty()) {
      member = "***";
    } else if (setting->kind == Kind::integer) {
      member = integer(path);
    } else {
      member = value;
    }
  }
  return boost::json::serialize(root);
}

Result<Configuration> load_configuration(const std::string& file,
                                         const std::map<std::string, std::string>& environment) {
  Configuration configuration;
  for (const auto& setting : settings) configuration.values_.emplace(setting.path, setting.initial);
  Given given;
  std::vector<FieldError> errors;
  if (std::error_code ignored; std::filesystem::exists(file, ignored)) {
    const auto text = read_file(file);
    if (!text) return fail(ErrorKind::invalid, "wrong_configuration", file + " cannot be read.");
    const auto value = json::parse(*text);
    if (!value || !value->is_object())
      return fail(ErrorKind::invalid, "wrong_configuration",
                  file + " is no JSON object: " + (value ? "" : value.error().detail));
    flatten(value->as_object(), "", given, errors);
  }
  constexpr std::string_view prefix = "STOA__";
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(prefix)) continue;
    auto path = name.substr(prefix.size());
    for (std::size_t at = path.find("__"); at != std::string::npos; at = path.find("__"))
      path.replace(at, 2, ":");
    given.emplace_back(path, value);
  }
  for (const auto& [path, value] : given) {
    const auto* setting = find_setting(path);
    if (setting == nullptr) {
      errors.push_back({path, "unknown_setting", "is not known"});
    } else if (auto wrong = fault(*setting, value); !wrong.empty()) {
      errors.push_back({path, "wrong_value", std::move(wrong)});
    } else {
      configuration.values_[path] = value;
    }
  }
  if (errors.empty() && configuration.integer("RateLimits:Burst") > 0 &&
      configuration.integer("RateLimits:RequestsPerSecond") == 0)
    errors.push_back({"RateLimits:Burst", "wrong_value", "needs RateLimits:RequestsPerSecond"});
  if (errors.empty() && configuration.text("Payment:Stripe:SecretKey").empty() &&
      !configuration.text("Payment:Stripe:WebhookSecrets").empty())
    errors.push_back(
        {"Payment:Stripe:WebhookSecrets", "wrong_value", "needs Payment:Stripe:SecretKey"});
  if (errors.empty()) errors = check_notification_settings(configuration);
  if (errors.empty()) return configuration;
  std::string detail = "The configuration is wrong:";
  for (const auto& error : errors) detail += " " + error.pointer + " " + error.message + ";";
  detail.back() = '.';
  return fail(Error{ErrorKind::invalid, "wrong_configuration", detail, std::move(errors)});
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text(*one);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace stoa
