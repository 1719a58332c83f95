#pragma once

#include <string>

#include "main/client.hpp"

namespace stoa {

/// What `stoa audit` is asked for beside the shop.
struct AuditOptions {
  ShopClientOptions shop;
  std::string data;    ///< of a stopped shop; empty: ask the running one
  bool chain = false;  ///< only the chain of hashes, and its heads
  std::string head;    ///< file of heads that `--chain --json` printed earlier; empty: none
};

/// Prints the report; 0 when clean, 1 when not.
int run_audit(const AuditOptions& options);

}  // namespace stoa
