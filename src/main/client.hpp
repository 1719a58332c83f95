#pragma once

#include <cstdint>
#include <string>

#include "kernel/base/result.hpp"

namespace stoa {

/// A running shop, as the commands that talk to one reach it.
struct ShopClientOptions {
  std::string url = "http://127.0.0.1:5000";
  std::string key;  ///< the secret key
  bool json = false;
};

/// The JSON text that a running shop answers to a GET.
Result<std::string> get_from_shop(const ShopClientOptions& shop, const std::string& target);

/// Fills the key, when none was given, from the environment, the configuration file `settings` or
/// the shop's folder.
Result<void> find_key(ShopClientOptions& shop, const std::string& data,
                      const std::string& settings = "appsettings.json");

/// `stoa import products FILE`: sends the file and prints the report. Exit status 0, or 1 with a
/// sentence on standard error.
int import_products(const ShopClientOptions& shop, const std::string& file,
                    const std::string& currency, bool dry_run);

/// `stoa rebuild PROJECTION`: has a projection built anew beside the live one, and waits for it.
int rebuild_projection(const ShopClientOptions& shop, const std::string& name);

/// Which integration events to print.
struct EventSelection {
  std::string after;  ///< cursor of an earlier run; empty: from the beginning
  std::string types;  ///< only these, separated by commas; empty: all
  std::int64_t limit = 1'000'000;
};

/// `stoa events`: prints integration events, one JSON object a line and where they end on standard
/// error; with --json one object with `data` and `next_after`.
int print_events(const ShopClientOptions& shop, const EventSelection& selection);

/// The same of the file of a stopped shop.
int print_events_of_folder(const std::string& folder, const EventSelection& selection, bool json);

}  // namespace stoa
