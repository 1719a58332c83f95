#pragma once

#include <string>

namespace stoa {

struct ReplayOptions {
  std::string file;  ///< CSV, plain or gzip
  std::string url = "http://127.0.0.1:5000";
  std::string key;  ///< the shop's secret key
  int concurrency = 16;
};

/// Places a wholesaler's invoices as orders over HTTP and prints on standard output, as one JSON
/// object, what the shop's own API says of them afterwards; progress goes to standard error.
///
/// Products and opening stock come from the file (stock: all units that are sold or written off);
/// each sale is paid and fulfilled, write-offs are adjustments, and a return takes units back from
/// the customer's newest orders first, one return of the API for each line that it meets. Every
/// write carries an idempotency key made from the file, so a run that was cut off can be repeated.
///
/// Exit status: 0, or 1 with a sentence on standard error.
int replay_invoices(const ReplayOptions& options);

}  // namespace stoa
