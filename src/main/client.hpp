#pragma once

#include <cstdint>
#include <string>

namespace stoa {

/// A running shop, as the commands that talk to one reach it.
struct ShopClientOptions {
  std::string url = "http://127.0.0.1:5000";
  std::string key;  ///< the secret key
  bool json = false;
};

/// `stoa import products FILE`: sends the file and prints the report. Exit status 0, or 1 with a
/// sentence on standard error.
int import_products(const ShopClientOptions& shop, const std::string& file,
                    const std::string& currency, bool dry_run);

/// `stoa events`: prints integration events after a cursor, one JSON object a line.
int print_events(const ShopClientOptions& shop, const std::string& after, const std::string& types,
                 std::int64_t limit);

/// `stoa audit` of a running shop: 0 when clean, 1 when not.
int audit_over_http(const ShopClientOptions& shop);

}  // namespace stoa
