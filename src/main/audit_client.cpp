#include "main/audit_client.hpp"

#include <fstream>
#include <iostream>
#include <iterator>

#include "kernel/base/text.hpp"
#include "main/audit.hpp"
#include "main/audit_chain.hpp"
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
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto kept = json::read_stored<ChainAudit>(text);
  if (!in || !kept)
    return fail(ErrorKind::invalid, "no_heads",
                file + " holds no heads: make it with `stoa audit --chain --json > FILE`.");
  return std::move(kept->heads);
}

}  // namespace

int run_audit(const AuditOptions& options) {
  const auto kept = read_heads(options.head);
  if (!kept) return say(kept.error());
  const bool json = options.shop.json;
  if (options.data.empty()) {
    if (!options.chain) return show(fetch<AuditReport>(options.shop, "/v1/audit"), json);
    const auto query = kept->empty() ? "" : "?kept=" + percent_encode(to_text(*kept));
    return show(fetch<ChainAudit>(options.shop, "/v1/audit/chain" + query), json);
  }
  const auto crypto = openssl::make_crypto();
  const auto shop = open_to_read(options.data);
  const auto db = shop->handle("");
  if (options.chain) return show(Result<ChainAudit>(audit_chain(*db, *crypto, *kept)), json);
  const auto ledger = sqlite::open(options.data + "/simulator.db", sqlite::Database::Mode::reader);
  return show(Result<AuditReport>(audit(*db, *ledger->handle(""), *crypto)), json);
}

}  // namespace stoa
