#pragma once

#include <string>

#include "main/client.hpp"

namespace stoa {

/// What `stoa audit` is asked for beside the shop.
struct AuditOptions {
  ShopClientOptions shop;
  std::string data;                           ///< of a stopped shop; empty: ask the running one
  bool fleet = false;                         ///< the databases of a fleet, which may run
  std::string settings = "appsettings.json";  ///< of the fleet
  bool chain = false;                         ///< only the chain of hashes, and its heads
  std::string head;  ///< file of heads that `--chain --json` printed earlier; empty: none
};

/// Prints the report; 0 when clean, 1 when not. A fleet that runs is read up to four times, two
/// seconds apart, for as long as there are findings: what is found each time is no event on its
/// way.
int run_audit(const AuditOptions& options);

}  // namespace stoa
