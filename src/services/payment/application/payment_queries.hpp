#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/mediator/readers.hpp"
#include "services/payment/application/payment_store.hpp"
#include "services/payment/domain/payment.hpp"

namespace stoa::payment {

struct PaymentFilter {
  std::int64_t limit = 50;
  std::optional<std::string> before_id = {};  ///< newest first
  std::optional<std::string> order_id = {};
  std::optional<std::string> status = {};
};

/// A row of the list. Amounts are absent when the payment was closed before it was asked for.
struct PaymentRow {
  std::string id, order_id, status;
  std::optional<Money> amount, captured, refunded;
  Timestamp updated_at;
};

struct ReportFilter {
  std::int64_t limit = 50;
  std::optional<ReportOutcome> outcome = {};
};

/// On a reader thread.
class PaymentQueries {
 public:
  virtual ~PaymentQueries() = default;
  [[nodiscard]] virtual std::vector<PaymentRow> list(Store store,
                                                     const PaymentFilter& filter) const = 0;
  /// Newest first.
  [[nodiscard]] virtual std::vector<StoredReport> reports(Store store,
                                                          const ReportFilter& filter) const = 0;
};

}  // namespace stoa::payment
