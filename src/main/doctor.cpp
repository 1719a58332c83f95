#include "main/doctor.hpp"

#include <sys/resource.h>

#include <filesystem>
#include <iostream>

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "main/backup_folder.hpp"
#include "main/data_folder.hpp"
#include "main/notification_part.hpp"
#include "main/replay_crew.hpp"
#include "main/stock_ledger.hpp"
#include "platform/beast/http_client.hpp"
#include "platform/curl/http_client.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {
namespace {

constexpr std::chrono::seconds answer_timeout{60};
constexpr std::chrono::seconds provider_timeout{5};
constexpr std::chrono::seconds skew_warning{2};
constexpr std::chrono::seconds skew_failure{60};
constexpr std::chrono::hours backup_age_max{26};  // a daily one, and time to make it

void check_writer(const WriteLoop& loop, Diagnosis& to) {
  const auto figures = loop.figures();
  const auto says = std::to_string(figures.waiting) + " commands wait for the writer; " +
                    std::to_string(figures.shed) + " were refused since the start.";
  if (figures.shed == 0) return to.add({"load", Health::good, says, ""});
  to.add({"load", Health::warning, says,
          "Clients were answered 503 because more came than this machine can write. Limit clients "
          "(RateLimits) or give the shop a faster disk and processor."});
}

void check_descriptors(const Patient& patient, Diagnosis& to) {
  constexpr std::int64_t for_files = 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto connections = patient.configuration.integer("Http:ConnectionsMax");
  const bool is_enough = limit.rlim_cur == RLIM_INFINITY ||
                         static_cast<std::int64_t>(limit.rlim_cur) >= connections + for_files;
  if (is_enough)
    return to.add({"descriptors", Health::good, "The process may open enough files.", ""});
  to.add({"descriptors", Health::warning,
          "The process may open " + std::to_string(limit.rlim_cur) + " files, but " +
              std::to_string(connections) + " connections are allowed.",
          "Raise the limit (ulimit -n, LimitNOFILE= of systemd) or lower Http:ConnectionsMax."});
}

Finding no_answer(const std::string& url, const std::string& why) {
  return {"reachability", Health::failure, "The shop at " + url + " does not answer: " + why,
          "Start it with `stoa up`; when it does not start, the end of its log says why."};
}

/// Asks a running shop, and holds its clock against this one.
Diagnosis ask_shop(const DoctorOptions& options) {
  Diagnosis none;
  const auto address = ShopAddress::parse(options.shop.url);
  if (!address) {
    none.add({"reachability", Health::failure, address.error().detail, "Correct --url."});
    return none;
  }
  beast::HttpClient client(address->host, address->port, answer_timeout);
  const SystemClock clock;
  const auto asked_at = clock.now();
  const auto answer =
      client.send("GET", "/v1/diagnostics", {{"Authorization", "Bearer " + options.shop.key}}, "");
  const auto answered_at = clock.now();
  if (!answer) {
    none.add(no_answer(options.shop.url, answer.error().detail));
    return none;
  }
  auto diagnosis = json::read_stored<Diagnosis>(answer->body);
  if (answer->status != 200 || !diagnosis) {
    none.add(no_answer(options.shop.url, "status " + std::to_string(answer->status) + "."));
    return none;
  }
  // Its clock stood somewhere between question and answer.
  const auto ahead = std::max(diagnosis->time - answered_at, asked_at - diagnosis->time);
  if (ahead > skew_warning)
    diagnosis->add({"clock", ahead > skew_failure ? Health::failure : Health::warning,
                    "The clocks of the shop and of this machine are apart by " +
                        std::to_string(ahead.count() / 1'000'000) + " s.",
                    "Set both by NTP (timedatectl set-ntp true)."});
  return std::move(*diagnosis);
}

Diagnosis look_into_folder(const std::string& data, const Configuration& configuration) {
  Diagnosis diagnosis;
  const auto file = data + "/shop.db";
  if (std::filesystem::exists(data + "/" + std::string(DataFolder::unfinished))) {
    diagnosis.add({"folder", Health::failure, "A restore into " + data + " did not finish.",
                   "Run `stoa restore` again."});
  } else if (!std::filesystem::exists(file)) {
    diagnosis.add({"folder", Health::failure, "There is no shop in " + data + ".",
                   "Name its folder with --data, or make one with `stoa up`."});
  } else {
    try {
      const auto shop = open_to_read(data);
      shop->begin();
      diagnosis = diagnose({*shop->handle(""), data, configuration, SystemClock().now()},
                           checks_of_folder());
      shop->rollback();
    } catch (const sql::Failure& failure) {
      diagnosis.add(unreadable(failure));
    }
    diagnosis.add({"folder", Health::good, "The shop in " + data + " does not run.", ""});
  }
  return diagnosis;
}

void check_backups(const std::string& path, Diagnosis& to) {
  const auto crypto = openssl::make_crypto();
  const auto folder = BackupFolder::open_to_read(path, *crypto);
  const auto newest = folder ? folder->find({}) : Result<BackupManifest>(fail(folder.error()));
  const std::string advice = "Run `stoa backup " + path + "`, and look why it was not run.";
  if (!newest) return to.add({"backup", Health::failure, newest.error().detail, advice});
  for (const auto& warning : folder->warnings())
    to.add({"backup", Health::warning, warning, "Remove its folder once newer backups are good."});
  if (const auto good = folder->check(*newest); !good)
    return to.add({"backup", Health::failure, good.error().detail, advice});
  const auto age = SystemClock().now() - newest->made_at;
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(age).count();
  const auto says = "The newest backup, cut " + std::to_string(newest->number) + ", is " +
                    std::to_string(hours) + " hours old and whole.";
  if (age > backup_age_max) return to.add({"backup", Health::warning, says, advice});
  to.add({"backup", Health::good, says, ""});
}

/// From this machine; any answer is one.
void check_provider_reach(const Configuration& configuration, Diagnosis& to) {
  if (configuration.text("Payment:Stripe:SecretKey").empty()) return;
  const auto& url = configuration.text("Payment:Stripe:BaseUrl");
  const auto client =
      curl::make_http_client({.ca_file = configuration.text("Payment:Stripe:CaFile")});
  const auto answer = client->send({.url = url, .timeout = provider_timeout});
  if (answer) return to.add({"provider_reach", Health::good, "Stripe answers at " + url + ".", ""});
  to.add({"provider_reach", Health::failure,
          "Stripe cannot be reached at " + url + ": " + answer.error().detail,
          "Look at this machine's network, name server and proxy, and at the provider's status "
          "page. Orders wait meanwhile; none is lost."});
}

/// From this machine too. As every message would go, up to the moment that it is named.
void check_mail_reach(const Configuration& configuration, Diagnosis& to) {
  auto smtp = smtp_options(configuration);
  if (smtp.host.empty()) return;
  smtp.connect_timeout = smtp.timeout = provider_timeout;
  const auto relay = smtp.host + ":" + std::to_string(smtp.port);
  const auto answer = curl::greet_smtp_relay(std::move(smtp));
  if (answer.outcome == mail::Outcome::accepted)
    return to.add({"mail_reach", Health::good, "The mail relay " + relay + " takes messages.", ""});
  auto why = answer.detail;
  while (why.ends_with('.')) why.pop_back();
  to.add(
      {"mail_reach", Health::failure,
       "The mail relay " + relay + " takes no messages: " + why + ".",
       "Look at Smtp:Host, Port, Security, UserName and Password, and at the relay. Messages wait "
       "meanwhile, and are given up after Notification:GiveUpAfterSeconds."});
}

int print(const Diagnosis& diagnosis, bool json) {
  const int code = static_cast<int>(diagnosis.health);
  if (json) {
    std::cout << json::to_json(diagnosis) << std::endl;
    return code;
  }
  for (const auto& finding : diagnosis.findings) {
    std::cout << json::name_of(finding.health) << "  " << finding.check << ": " << finding.says
              << "\n";
    if (!finding.advice.empty()) std::cout << "         " << finding.advice << "\n";
  }
  constexpr std::string_view ends[] = {"All is well.", "There is something to look at.",
                                       "There is something to repair."};
  std::cout << ends[code] << std::endl;
  return code;
}

}  // namespace

void add_diagnostics(http::Router& router, Readers& whole_shop, std::string folder,
                     const Configuration& configuration, const Clock& clock,
                     const WriteLoop& loop) {
  auto checks = checks_of_folder();
  checks.emplace_back([&loop](const Patient&, Diagnosis& to) { check_writer(loop, to); });
  checks.emplace_back(check_descriptors);
  router.add(
      {"GET",
       "/v1/diagnostics",
       http::Access::secret,
       "What is not well with the shop, and what to do",
       "Operations",
       [&whole_shop, &configuration, &clock, folder = std::move(folder),
        checks = std::move(checks)](const http::RequestPtr& request, const http::Reply& reply) {
         http::answer_from_store(
             whole_shop, request, reply, [&configuration, &clock, folder, checks](Store store) {
               const auto diagnosis =
                   diagnose({store.db, folder, configuration, clock.now()}, checks);
               return http::json_response(200, json::to_json(diagnosis));
             });
       },
       {},
       http::schema_of<Diagnosis>()});
}

int examine(DoctorOptions options) {
  Diagnosis diagnosis;
  const auto configuration = load_configuration("appsettings.json", process_environment());
  if (!configuration) {
    diagnosis.add({"configuration", Health::failure, configuration.error().detail,
                   "Correct appsettings.json or the environment; the shop will not start so."});
  } else if (!options.by_url && !DataFolder::is_in_use(options.data)) {
    diagnosis = look_into_folder(options.data, *configuration);
  } else if (const auto found = find_key(options.shop, options.data); !found) {
    diagnosis.add({"reachability", Health::failure, found.error().detail, "Give the secret key."});
  } else {
    diagnosis = ask_shop(options);
  }
  if (configuration) check_provider_reach(*configuration, diagnosis);
  if (configuration) check_mail_reach(*configuration, diagnosis);
  if (!options.backups.empty()) check_backups(options.backups, diagnosis);
  return print(diagnosis, options.shop.json);
}

}  // namespace stoa
