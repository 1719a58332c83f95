#include "main/audit_client.hpp"

#include <stdlib.h>  // mkdtemp

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "kernel/base/files.hpp"
#include "kernel/base/text.hpp"
#include "main/audit.hpp"
#include "main/audit_chain.hpp"
#include "main/configuration.hpp"
#include "main/data_folder.hpp"
#include "main/fleet_copy.hpp"
#include "main/stack_client.hpp"
#include "main/stock_ledger.hpp"
#include "platform/openssl/crypto.hpp"
#include "platform/sqlite/database.hpp"

namespace stoa {
namespace {

int say(const Error& error) {
  std::cerr << "stoa: " << error.detail << "\n";
  return 1;
}

void print_findings(const std::vector<std::string>& findings) {
  for (const auto& finding : findings) std::cout << "  " << finding << "\n";
}

void print(const AuditReport& report) {
  const auto& checked = report.checked;
  std::cout << (report.clean ? "Clean: " : "NOT clean: ") << checked.streams << " streams, "
            << checked.events << " events, " << checked.units << " units on hand, "
            << checked.minor_units << " minor units of money kept; " << checked.orders
            << " orders, " << checked.payments << " payments, " << checked.notifications
            << " notifications; of " << checked.published << " events for another service "
            << checked.consumed << " consumed, " << checked.in_flight << " in flight, "
            << checked.parked << " parked." << std::endl;
  if (checked.payments_not_compared != 0)
    std::cout << checked.payments_not_compared
              << " payments were not held against their provider's books, which are not here."
              << std::endl;
  print_findings(report.findings);
}

void print(const ChainAudit& report) {
  std::cout << (report.clean ? "Clean: " : "NOT clean: ") << report.events
            << " events in a chain. Its heads:" << std::endl;
  for (const auto& head : report.heads)
    std::cout << "  " << head.service << " epoch " << head.epoch << " position " << head.position
              << " " << (head.hash.empty() ? "-" : head.hash) << "\n";
  print_findings(report.findings);
}

template <class Report>
int show(const Result<Report>& report, bool json) {
  if (!report) return say(report.error());
  if (json) {
    std::cout << json::to_json(*report) << std::endl;
  } else {
    print(*report);
  }
  return report->clean ? 0 : 1;
}

/// Of a running shop.
template <class Report>
Result<Report> fetch(const ShopClientOptions& shop, const std::string& target) {
  const auto body = get_from_shop(shop, target);
  if (!body) return fail(body.error());
  return json::read_stored<Report>(*body);
}

Result<std::vector<ChainHead>> read_heads(const std::string& file) {
  if (file.empty()) return std::vector<ChainHead>{};
  auto kept = json::read_stored<ChainAudit>(read_file(file).value_or(""));
  if (!kept)
    return fail(ErrorKind::invalid, "no_heads",
                file + " holds no heads: make it with `stoa audit --chain --json > FILE`.");
  return std::move(kept->heads);
}

/// A folder of its own for a copy, gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path().string() + "/stoa-audit-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("No folder can be made in " + path_ + ".");
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

AuditReport audit_folder(const std::string& path, const Crypto& crypto) {
  const auto shop = open_to_read(path);
  const auto ledger = sqlite::open(path + "/simulator.db", sqlite::Database::Mode::reader);
  return audit(*shop->handle(""), *ledger->handle(""), crypto);
}

/// Reads a copy of the fleet by `look`.
template <class Look>
auto with_copy(const Configuration& configuration, const Look& look) {
  const TemporaryFolder folder;
  auto copy = DataFolder::open(folder.path());
  if (!copy) throw std::runtime_error(copy.error().detail);
  copy_fleet(configuration, *copy);
  return look(folder.path());
}

int audit_fleet(const AuditOptions& options, const std::vector<ChainHead>& kept) {
  const auto configuration =
      load_configuration(options.settings, environment_of_stack(options.data));
  if (!configuration) return say(configuration.error());
  const auto crypto = openssl::make_crypto();
  if (options.chain)
    return show(Result<ChainAudit>(with_copy(*configuration,
                                             [&](const std::string& path) {
                                               return audit_chain(*open_to_read(path)->handle(""),
                                                                  *crypto, kept);
                                             })),
                options.shop.json);
  const auto look = [&](const std::string& path) { return audit_folder(path, *crypto); };
  auto report = with_copy(*configuration, look);
  for (int again = 0; !report.clean && again < 3; ++again) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    auto next = with_copy(*configuration, look);
    std::erase_if(next.findings, [&](const std::string& finding) {
      return std::ranges::find(report.findings, finding) == report.findings.end();
    });
    next.clean = next.findings.empty();
    report = std::move(next);
  }
  return show(Result<AuditReport>(std::move(report)), options.shop.json);
}

}  // namespace

int run_audit(const AuditOptions& options) {
  const auto kept = read_heads(options.head);
  if (!kept) return say(kept.error());
  const bool json = options.shop.json;
  if (options.fleet) return audit_fleet(options, *kept);
  if (options.data.empty()) {
    if (!options.chain) return show(fetch<AuditReport>(options.shop, "/v1/audit"), json);
    const auto query = kept->empty() ? "" : "?kept=" + percent_encode(to_text(*kept));
    return show(fetch<ChainAudit>(options.shop, "/v1/audit/chain" + query), json);
  }
  const auto crypto = openssl::make_crypto();
  if (!options.chain) return show(Result<AuditReport>(audit_folder(options.data, *crypto)), json);
  const auto shop = open_to_read(options.data);
  return show(Result<ChainAudit>(audit_chain(*shop->handle(""), *crypto, *kept)), json);
}

}  // namespace stoa
