#include "main/client.hpp"

#include <boost/json/serialize.hpp>
#include <functional>
#include <iostream>
#include <iterator>
#include <thread>

#include "kernel/base/clock.hpp"
#include "kernel/base/files.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/base/text.hpp"
#include "kernel/json/value.hpp"
#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "main/event_feed.hpp"
#include "main/progress.hpp"
#include "main/replay_crew.hpp"
#include "platform/beast/http_client.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {
namespace {

constexpr std::chrono::minutes answer_timeout{61};  ///< an audit may take an hour

int say(const Error& error) {
  std::cerr << "stoa: " << error.detail << "\n";
  return 1;
}

/// One request whose answer must be JSON and a success.
Result<json::Value> ask(const ShopClientOptions& shop, std::string_view method,
                        const std::string& target, std::string_view body = {},
                        beast::Headers headers = {}) {
  auto address = ShopAddress::parse(shop.url);
  if (!address) return fail(std::move(address.error()));
  beast::HttpClient client(address->host, address->port, answer_timeout);
  headers.emplace_back("Authorization", "Bearer " + shop.key);
  auto answer = client.send(method, target, headers, body);
  if (!answer)
    return fail(ErrorKind::unavailable, "no_shop",
                "No shop answers at " + shop.url + ": start one with `stoa up`.");
  auto value = json::parse(answer->body);
  if (!value) return fail(std::move(value.error()));
  if (answer->status < 300) return std::move(*value);
  const auto* problem = value->if_object();
  const auto* detail = problem == nullptr ? nullptr : problem->if_contains("detail");
  return fail(ErrorKind::invalid, "refused",
              "The shop refused (" + std::to_string(answer->status) + "): " +
                  (detail != nullptr && detail->is_string() ? std::string(detail->get_string())
                                                            : answer->body.substr(0, 200)));
}

void print_rows(const json::Object& report, std::string_view member, std::string_view heading) {
  const auto* rows = report.if_contains(member);
  if (rows == nullptr || !rows->is_array() || rows->get_array().empty()) return;
  std::cout << heading << "\n";
  for (const auto& row : rows->get_array())
    std::cout << "  line " << row.at("line").as_int64() << ": "
              << std::string_view(row.at("reason").as_string()) << "\n";
}

bool has_ended(const json::Value& import) {
  const auto& state = import.at("state").as_string();
  return state != "queued" && state != "running";
}

Error ended_early(const json::Value& import) {
  const auto* error = import.at("error").if_object();
  return {ErrorKind::invalid, "not_imported",
          "The import has " + std::string(import.at("state").as_string()) +
              (error == nullptr ? "." : ": " + std::string(error->at("detail").as_string()))};
}

/// The counts, with the rows that are told of.
json::Object report_of(const json::Value& import) {
  json::Object report = import.at("counts").as_object();
  report["rejected"] = import.at("rejected");
  report["notes"] = import.at("notes");
  return report;
}

using FetchPage = std::function<Result<json::Value>(const std::string& after, std::int64_t limit)>;

int print_pages(const FetchPage& fetch, const EventSelection& selection, bool json) {
  auto cursor = selection.after;
  if (json) std::cout << "{\"data\":[";
  const char* comma = "";
  for (std::int64_t left = selection.limit; left > 0;) {
    const auto page = fetch(cursor, std::min<std::int64_t>(left, 1000));
    if (!page) return say(page.error());
    const auto& events = page->at("data").as_array();
    for (const auto& event : events) {
      std::cout << comma << boost::json::serialize(event) << (json ? "" : "\n");
      if (json) comma = ",";
    }
    left -= std::ssize(events);
    const std::string next(page->at("next_after").as_string());
    if (next == cursor) break;
    cursor = next;
  }
  if (json) {
    std::cout << "],\"next_after\":" << boost::json::serialize(json::Value(cursor)) << "}"
              << std::endl;
  } else {
    std::cerr << "next: " << cursor << "\n";
  }
  return 0;
}

}  // namespace

Result<std::string> get_from_shop(const ShopClientOptions& shop, const std::string& target) {
  const auto value = ask(shop, "GET", target);
  if (!value) return fail(value.error());
  return boost::json::serialize(*value);
}

Result<void> find_key(ShopClientOptions& shop, const std::string& data,
                      const std::string& settings) {
  if (!shop.key.empty()) return {};
  const auto configuration = load_configuration(settings, process_environment());
  if (!configuration) return fail(configuration.error());
  const auto keys = existing_api_keys(data, *configuration);
  if (!keys) return fail(keys.error());
  shop.key = keys->secret;
  return {};
}

int import_products(const ShopClientOptions& shop, const std::string& file,
                    const std::string& currency, bool dry_run) {
  const auto text = read_file(file);
  if (!text) {
    std::cerr << "stoa: cannot read " << file << "\n";
    return 1;
  }
  const SystemClock clock;
  auto import = ask(shop, "POST",
                    "/v1/imports?currency=" + percent_encode(currency) +
                        "&dry_run=" + (dry_run ? "true" : "false"),
                    *text,
                    {{"Content-Type", "text/csv"},
                     {"Idempotency-Key", to_base32(make_uuid_v7_source(clock)->next())}});
  const auto total = std::ssize(*text);
  Progress progress("import", total, "bytes");
  while (import && !has_ended(*import)) {
    progress.at(import->at("bytes_read").as_int64(), total);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    import = ask(shop, "GET", "/v1/imports/" + std::string(import->at("id").as_string()));
  }
  const bool good = import && import->at("state").as_string() == "succeeded";
  progress.end(good ? total : 0, total);
  if (!import) return say(import.error());
  if (!good) return say(ended_early(*import));
  const auto report = report_of(*import);
  if (shop.json) {
    std::cout << boost::json::serialize(report) << std::endl;
    return 0;
  }
  for (const auto* name : {"products", "variants", "images", "created", "updated", "unchanged"})
    std::cout << name << " " << report.at(name).as_int64() << "\n";
  print_rows(report, "rejected", "rejected rows:");
  print_rows(report, "notes", "notes:");
  return 0;
}

int rebuild_projection(const ShopClientOptions& shop, const std::string& name) {
  const SystemClock clock;
  const json::Value body{{"kind", "rebuild"}, {"parameters", {{"projection", name}}}};
  auto job = ask(shop, "POST", "/v1/jobs", boost::json::serialize(body),
                 {{"Content-Type", "application/json"},
                  {"Idempotency-Key", to_base32(make_uuid_v7_source(clock)->next())}});
  Progress progress("rebuild", 0, "events");
  std::int64_t total = 0;
  while (job && !has_ended(*job)) {
    total = job->at("progress").at("total").as_int64();
    progress.at(job->at("progress").at("done").as_int64(), total);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    job = ask(shop, "GET", "/v1/jobs/" + std::string(job->at("id").as_string()));
  }
  progress.end(total, total);
  if (!job) return say(job.error());
  const bool good = job->at("state").as_string() == "succeeded";
  if (shop.json) std::cout << boost::json::serialize(*job) << std::endl;
  if (good && !shop.json) std::cout << "The projection " << name << " was built anew." << std::endl;
  if (!good) std::cerr << "stoa: the rebuild has " << job->at("state").as_string() << "\n";
  return good ? 0 : 1;
}

int print_events(const ShopClientOptions& shop, const EventSelection& selection) {
  return print_pages(
      [&](const std::string& after, std::int64_t limit) {
        return ask(shop, "GET",
                   "/v1/events?limit=" + std::to_string(limit) + "&after=" + percent_encode(after) +
                       "&types=" + percent_encode(selection.types));
      },
      selection, shop.json);
}

int print_events_of_folder(const std::string& folder, const EventSelection& selection, bool json) {
  const auto shop = sqlite::open(folder + "/shop.db", sqlite::Database::Mode::reader);
  const auto crypto = openssl::make_crypto();
  return print_pages(
      [&](const std::string& after, std::int64_t limit) -> Result<json::Value> {
        auto page = read_event_page(*shop, *crypto, after, selection.types,
                                    static_cast<std::size_t>(limit));
        if (!page) return fail(std::move(page.error()));
        return json::parse(*page);
      },
      selection, json);
}

}  // namespace stoa
