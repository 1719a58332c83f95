#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/json/codec.hpp"

namespace stoa::ordering {

using OrderId = Id<"ord">;

namespace contracts {

using PaymentId = Id<"pay">;

struct OrderLine {
  std::string line_id;
  std::string sku;
  Quantity quantity;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("line_id", &OrderLine::line_id), field("sku", &OrderLine::sku),
                      field("quantity", &OrderLine::quantity)};
  }
};

/// An order asks for its stock.
struct OrderPlaced {
  static constexpr std::string_view type = "ordering.OrderPlaced.v1";
  std::string order_id;
  std::int64_t number = 0;
  Money total;
  std::vector<OrderLine> lines;
  std::optional<std::string> display_number = {};  ///< what people read, when it is not the number
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &OrderPlaced::order_id),
                      field("number", &OrderPlaced::number), field("total", &OrderPlaced::total),
                      field("lines", &OrderPlaced::lines, Items{1, 2000}),
                      field("display_number", &OrderPlaced::display_number)};
  }
};

/// The stock is reserved and the order asks to be assessed. The fingerprints are keyed hashes:
/// equal for equal e-mail or postal addresses, and not to be turned back.
struct AssessmentRequested {
  static constexpr std::string_view type = "ordering.AssessmentRequested.v1";
  std::string order_id;
  Money total;
  std::string email_fingerprint;
  std::optional<std::string> address_fingerprint;
  std::optional<std::string> shipping_country;
  std::optional<std::string> billing_country;
  std::string payment_token;
  Timestamp placed_at;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &AssessmentRequested::order_id),
                      field("total", &AssessmentRequested::total),
                      field("email_fingerprint", &AssessmentRequested::email_fingerprint),
                      field("address_fingerprint", &AssessmentRequested::address_fingerprint),
                      field("shipping_country", &AssessmentRequested::shipping_country),
                      field("billing_country", &AssessmentRequested::billing_country),
                      field("payment_token", &AssessmentRequested::payment_token),
                      field("placed_at", &AssessmentRequested::placed_at)};
  }
};

/// The order asks for its money. With `capture` false it is authorised only.
struct PaymentRequested {
  static constexpr std::string_view type = "ordering.PaymentRequested.v1";
  std::string order_id;
  PaymentId payment_id;
  Money amount;
  std::string provider;
  std::string token;
  bool capture = true;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &PaymentRequested::order_id),
                      field("payment_id", &PaymentRequested::payment_id),
                      field("amount", &PaymentRequested::amount),
                      field("provider", &PaymentRequested::provider),
                      field("token", &PaymentRequested::token),
                      field("capture", &PaymentRequested::capture)};
  }
};

/// Capture what is authorised.
struct CaptureRequested {
  static constexpr std::string_view type = "ordering.CaptureRequested.v1";
  std::string order_id;
  PaymentId payment_id;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &CaptureRequested::order_id),
                      field("payment_id", &CaptureRequested::payment_id)};
  }
};

/// End the payment: void it, or refund all of it; answered by PaymentClosed in every case.
struct PaymentCloseRequested {
  static constexpr std::string_view type = "ordering.PaymentCloseRequested.v1";
  std::string order_id;
  PaymentId payment_id;
  std::string reason;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &PaymentCloseRequested::order_id),
                      field("payment_id", &PaymentCloseRequested::payment_id),
                      field("reason", &PaymentCloseRequested::reason)};
  }
};

struct RefundRequested {
  static constexpr std::string_view type = "ordering.RefundRequested.v1";
  std::string order_id;
  PaymentId payment_id;
  std::string refund_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &RefundRequested::order_id),
                      field("payment_id", &RefundRequested::payment_id),
                      field("refund_id", &RefundRequested::refund_id),
                      field("amount", &RefundRequested::amount)};
  }
};

struct OrderConfirmed {
  static constexpr std::string_view type = "ordering.OrderConfirmed.v1";
  std::string order_id;
  std::optional<bool> has_phone = {};  ///< the customer can be written to by SMS; never false
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &OrderConfirmed::order_id),
                      field("has_phone", &OrderConfirmed::has_phone)};
  }
};

/// The order ended without goods: its reservation is to be released.
struct OrderRejected {
  static constexpr std::string_view type = "ordering.OrderRejected.v1";
  std::string order_id;
  std::string code;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &OrderRejected::order_id),
                      field("code", &OrderRejected::code)};
  }
};

/// As OrderRejected, after a wish of the customer or the merchant.
struct OrderCancelled {
  static constexpr std::string_view type = "ordering.OrderCancelled.v1";
  std::string order_id;
  static constexpr auto fields() {
    return std::tuple{json::field("order_id", &OrderCancelled::order_id)};
  }
};

/// These units leave the house.
struct FulfilmentRecorded {
  static constexpr std::string_view type = "ordering.FulfilmentRecorded.v1";
  std::string order_id;
  std::string fulfilment_id;
  std::vector<OrderLine> lines;
  std::optional<bool> complete = {};   ///< nothing is left to be sent
  std::optional<bool> has_phone = {};  ///< the customer can be written to by SMS; never false
  static constexpr auto fields() {
    using namespace json;
    using F = FulfilmentRecorded;
    return std::tuple{field("order_id", &F::order_id), field("fulfilment_id", &F::fulfilment_id),
                      field("lines", &F::lines, Items{1, 2000}), field("complete", &F::complete),
                      field("has_phone", &F::has_phone)};
  }
};

/// These units came back; `restocked` are those that go back on the shelf.
struct ReturnRecorded {
  static constexpr std::string_view type = "ordering.ReturnRecorded.v1";
  std::string order_id;
  std::string return_id;
  std::vector<OrderLine> restocked;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("order_id", &ReturnRecorded::order_id),
                      field("return_id", &ReturnRecorded::return_id),
                      field("restocked", &ReturnRecorded::restocked, Items{0, 2000})};
  }
};

/// A parked process of the order is to be tried again.
struct ProcessRetried {
  static constexpr std::string_view type = "ordering.ProcessRetried.v1";
  std::string order_id;
  static constexpr auto fields() {
    return std::tuple{json::field("order_id", &ProcessRetried::order_id)};
  }
};

using Event = std::variant<OrderPlaced, AssessmentRequested, PaymentRequested, CaptureRequested,
                           PaymentCloseRequested, RefundRequested, OrderConfirmed, OrderRejected,
                           OrderCancelled, FulfilmentRecorded, ReturnRecorded, ProcessRetried>;

}  // namespace contracts
}  // namespace stoa::ordering
