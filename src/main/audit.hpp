#pragma once

#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/json/codec.hpp"
#include "kernel/sql/connection.hpp"

namespace stoa {

struct AuditChecked {
  std::int64_t streams = 0;
  std::int64_t events = 0;
  std::int64_t units = 0;                  ///< on hand, after all that ever moved
  std::int64_t minor_units = 0;            ///< captured less refunded, over all currencies
  std::int64_t payments_not_compared = 0;  ///< of providers whose books are not here
  std::int64_t orders = 0;
  std::int64_t payments = 0;
  std::int64_t notifications = 0;
  std::int64_t published = 0;  ///< events that another service must act on, of which there are
  std::int64_t consumed = 0;
  std::int64_t in_flight = 0;
  std::int64_t parked = 0;  ///< until an operator looks
  static constexpr auto fields() {
    using namespace json;
    using A = AuditChecked;
    return std::tuple{field("streams", &A::streams),
                      field("events", &A::events),
                      field("units", &A::units),
                      field("minor_units", &A::minor_units),
                      field("payments_not_compared", &A::payments_not_compared),
                      field("orders", &A::orders),
                      field("payments", &A::payments),
                      field("notifications", &A::notifications),
                      field("published", &A::published),
                      field("consumed", &A::consumed),
                      field("in_flight", &A::in_flight),
                      field("parked", &A::parked)};
  }
};

struct AuditReport {
  static constexpr std::string_view schema_name = "AuditReport";
  bool clean = true;
  std::vector<std::string> findings;  ///< at most 100
  AuditChecked checked;
  static constexpr auto fields() {
    using namespace json;
    using A = AuditReport;
    return std::tuple{field("clean", &A::clean),
                      field("findings", &A::findings, Items{0, 100, Text{0, 1000}}),
                      field("checked", &A::checked)};
  }
};

/// Holds the logs against themselves (hash chain, positions, revisions), every row and projection
/// that decisions are made on against its log, what a service told against what the others did of
/// it (`audit_flow`), and captured money against the simulated provider's ledger; the books
/// of other providers are not here, so only the two sides of the shop are held against each other,
/// and their payments are counted as not compared. `shop` is one read snapshot of the whole file;
/// what is still in flight in it is not judged.
AuditReport audit(sql::Connection& shop, sql::Connection& ledger, const Crypto& crypto);

}  // namespace stoa
