#pragma once

#include <string>

#include "main/client.hpp"

namespace stoa {

struct ExportSelection {
  std::string what;      ///< products, orders or events
  std::string output;    ///< file; empty: standard output
  std::string currency;  ///< of the prices of products
  std::string after;     ///< cursor of an earlier run, for orders and events
};

/// `stoa export products`: the whole shop as Shopify's CSV. A file is made under another name and
/// renamed when it is whole. Exit status 0, or 1 with a sentence on standard error.
int export_products(const ShopClientOptions& shop, const ExportSelection& selection);

/// `stoa export orders` and `stoa export events`: JSON Lines. With a file, where it ends is kept in
/// FILE.cursor: a later run cuts what a crash left half written and goes on from there. On standard
/// output the cursor for `after` is told on standard error at the end.
int export_lines(const ShopClientOptions& shop, const ExportSelection& selection);

}  // namespace stoa
