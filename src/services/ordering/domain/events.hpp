#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/json/codec.hpp"

/// The stored events of an order's stream, `order-<id>`: versioned formats, private to Ordering.
/// A published field is never renamed or given another meaning; a new meaning is a new version.
namespace stoa::ordering {

BOOST_DEFINE_ENUM_CLASS(CaptureMode, automatic, manual)
BOOST_DEFINE_ENUM_CLASS(Assessor, rules, deadline)
BOOST_DEFINE_ENUM_CLASS(ClosePurpose, cancel, reject)

/// A line as it was sold.
struct PlacedLine {
  std::string id;
  std::string sku;
  std::string title;
  Quantity quantity;
  Money unit_price;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &PlacedLine::id), field("sku", &PlacedLine::sku),
                      field("title", &PlacedLine::title, Text{0, 2000}),
                      field("quantity", &PlacedLine::quantity),
                      field("unit_price", &PlacedLine::unit_price)};
  }
};

/// Units of one line, of a fulfilment or a return.
struct LineUnits {
  std::string line_id;
  std::string sku;  ///< of the line; filled by the decision
  Quantity quantity;
  bool restock = true;  ///< of a return: whether they go back on the shelf
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("line_id", &LineUnits::line_id), field("sku", &LineUnits::sku),
                      field("quantity", &LineUnits::quantity),
                      defaulted("restock", &LineUnits::restock)};
  }
};

struct OrderPlaced {
  static constexpr std::string_view type = "OrderPlaced.v1";
  std::string order_id;
  std::int64_t number = 0;
  std::string channel;
  std::optional<std::string> external_id;
  std::optional<std::string> customer_external_id;
  Timestamp placed_at;
  std::string key_id;    ///< of the key that seals `personal`
  std::string personal;  ///< base 64 of the sealed PersonalData
  std::string email_fingerprint;
  std::optional<std::string> address_fingerprint;
  std::optional<std::string> shipping_country;
  std::optional<std::string> billing_country;
  std::vector<PlacedLine> lines;
  Money total;
  std::string payment_id;
  std::string provider;  ///< empty when nothing is to be paid
  std::string token;
  CaptureMode capture = CaptureMode::automatic;
  json::Metadata metadata;
  std::optional<std::string> display_number = {};  ///< when it is not the plain number
  /// Of this order, when the shop had set them; else the configuration's hold.
  std::optional<std::int64_t> payment_deadline_seconds = {}, capture_deadline_seconds = {};
  std::optional<bool> has_phone = {};  ///< of the customer, to be written to; never false

  [[nodiscard]] std::string shown_number() const {
    return display_number.value_or(std::to_string(number));
  }
  static constexpr auto fields() {
    using namespace json;
    using O = OrderPlaced;
    return std::tuple{field("order_id", &O::order_id),
                      field("number", &O::number),
                      field("channel", &O::channel),
                      field("external_id", &O::external_id),
                      field("customer_external_id", &O::customer_external_id),
                      field("placed_at", &O::placed_at),
                      field("key_id", &O::key_id, Text{0, 400}),
                      field("personal", &O::personal, Text{0, 100'000}),
                      field("email_fingerprint", &O::email_fingerprint),
                      field("address_fingerprint", &O::address_fingerprint),
                      field("shipping_country", &O::shipping_country),
                      field("billing_country", &O::billing_country),
                      field("lines", &O::lines, Items{1, 2000}),
                      field("total", &O::total),
                      field("payment_id", &O::payment_id),
                      field("provider", &O::provider),
                      field("token", &O::token),
                      field("capture", &O::capture),
                      defaulted("metadata", &O::metadata),
                      field("display_number", &O::display_number),
                      field("payment_deadline_seconds", &O::payment_deadline_seconds),
                      field("capture_deadline_seconds", &O::capture_deadline_seconds),
                      field("has_phone", &O::has_phone)};
  }
};

/// Carries what an assessor needs, so that a reader of the log needs no other event.
struct OrderStockReserved {
  static constexpr std::string_view type = "OrderStockReserved.v1";
  Money total;
  std::string email_fingerprint;
  std::optional<std::string> address_fingerprint;
  std::optional<std::string> shipping_country;
  std::optional<std::string> billing_country;
  std::string token;
  Timestamp placed_at;
  static constexpr auto fields() {
    using namespace json;
    using O = OrderStockReserved;
    return std::tuple{field("total", &O::total),
                      field("email_fingerprint", &O::email_fingerprint),
                      field("address_fingerprint", &O::address_fingerprint),
                      field("shipping_country", &O::shipping_country),
                      field("billing_country", &O::billing_country),
                      field("token", &O::token),
                      field("placed_at", &O::placed_at)};
  }
};

/// What is asked of Payment.
struct PaymentAsked {
  std::string payment_id;
  Money amount;
  std::string provider;
  std::string token;
  CaptureMode capture = CaptureMode::automatic;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentAsked;
    return std::tuple{field("payment_id", &P::payment_id), field("amount", &P::amount),
                      field("provider", &P::provider), field("token", &P::token),
                      field("capture", &P::capture)};
  }
};

struct OrderAssessed {
  static constexpr std::string_view type = "OrderAssessed.v1";
  std::int64_t score = 0;
  Assessor by = Assessor::rules;
  std::vector<std::string> reasons;
  std::optional<PaymentAsked> payment = {};  ///< when the order goes on and costs something
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("score", &OrderAssessed::score), field("by", &OrderAssessed::by),
                      field("reasons", &OrderAssessed::reasons),
                      field("payment", &OrderAssessed::payment)};
  }
};

/// The goods are promised. `paid` false: the payment is authorised only, or there is none.
struct OrderConfirmed {
  static constexpr std::string_view type = "OrderConfirmed.v1";
  bool authorized = false;
  Money captured;
  std::optional<bool> has_phone = {};  ///< of the order; filled by the decision
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("authorized", &OrderConfirmed::authorized),
                      field("captured", &OrderConfirmed::captured),
                      field("has_phone", &OrderConfirmed::has_phone)};
  }
};

/// The payment must end before stock is released: `purpose` tells what the order becomes then.
struct OrderCloseRequested {
  static constexpr std::string_view type = "OrderCloseRequested.v1";
  ClosePurpose purpose = ClosePurpose::cancel;
  std::string code;
  std::string detail;
  std::string payment_id;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("payment_id", &OrderCloseRequested::payment_id),
                      field("purpose", &OrderCloseRequested::purpose),
                      field("code", &OrderCloseRequested::code),
                      field("detail", &OrderCloseRequested::detail, Text{0, 1000, Form::lines})};
  }
};

struct OrderRejected {
  static constexpr std::string_view type = "OrderRejected.v1";
  std::string code;
  std::string detail;
  Money captured;  ///< by the payment, and given back
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("code", &OrderRejected::code),
                      field("detail", &OrderRejected::detail, Text{0, 2000, Form::lines}),
                      field("captured", &OrderRejected::captured)};
  }
};

struct OrderCancelled {
  static constexpr std::string_view type = "OrderCancelled.v1";
  std::string reason;
  Money captured;  ///< by the payment, and given back with what was refunded before
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("reason", &OrderCancelled::reason, Text{0, 1000, Form::lines}),
                      field("captured", &OrderCancelled::captured)};
  }
};

struct OrderCaptureRequested {
  static constexpr std::string_view type = "OrderCaptureRequested.v1";
  std::string payment_id;
  static constexpr auto fields() {
    return std::tuple{json::field("payment_id", &OrderCaptureRequested::payment_id)};
  }
};

struct OrderPaid {
  static constexpr std::string_view type = "OrderPaid.v1";
  Money captured;
  static constexpr auto fields() {
    return std::tuple{json::field("captured", &OrderPaid::captured)};
  }
};

struct FulfilmentRecorded {
  static constexpr std::string_view type = "FulfilmentRecorded.v1";
  std::string fulfilment_id;
  std::vector<LineUnits> lines;
  std::optional<std::string> carrier;
  std::optional<std::string> tracking_number;
  std::optional<std::string> tracking_url;
  std::optional<bool> complete = {};   ///< nothing is left to be sent; filled by the decision
  std::optional<bool> has_phone = {};  ///< of the order; filled by the decision
  static constexpr auto fields() {
    using namespace json;
    using F = FulfilmentRecorded;
    return std::tuple{field("fulfilment_id", &F::fulfilment_id),
                      field("lines", &F::lines, Items{1, 2000}),
                      field("carrier", &F::carrier),
                      field("tracking_number", &F::tracking_number),
                      field("tracking_url", &F::tracking_url, Text{0, 2000}),
                      field("complete", &F::complete),
                      field("has_phone", &F::has_phone)};
  }
};

struct ReturnRecorded {
  static constexpr std::string_view type = "ReturnRecorded.v1";
  std::string return_id;
  std::vector<LineUnits> lines;
  std::optional<std::string> refund_id;
  Money refund;
  std::optional<std::string> reason;
  static constexpr auto fields() {
    using namespace json;
    using R = ReturnRecorded;
    return std::tuple{field("return_id", &R::return_id), field("lines", &R::lines, Items{1, 2000}),
                      field("refund_id", &R::refund_id), field("refund", &R::refund),
                      field("reason", &R::reason, Text{0, 500, Form::lines})};
  }
};

struct RefundRequested {
  static constexpr std::string_view type = "RefundRequested.v1";
  std::string refund_id;
  Money amount;
  std::optional<std::string> reason;
  std::string payment_id = {};  ///< filled by the decision
  static constexpr auto fields() {
    using namespace json;
    using R = RefundRequested;
    return std::tuple{field("refund_id", &R::refund_id), field("amount", &R::amount),
                      field("reason", &R::reason, Text{0, 500, Form::lines}),
                      field("payment_id", &R::payment_id)};
  }
};

struct RefundCompleted {
  static constexpr std::string_view type = "RefundCompleted.v1";
  std::string refund_id;
  static constexpr auto fields() {
    return std::tuple{json::field("refund_id", &RefundCompleted::refund_id)};
  }
};

struct RefundFailed {
  static constexpr std::string_view type = "RefundFailed.v1";
  std::string refund_id;
  std::string code;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("refund_id", &RefundFailed::refund_id),
                      field("code", &RefundFailed::code)};
  }
};

struct ProcessParked {
  static constexpr std::string_view type = "ProcessParked.v1";
  std::string operation;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("operation", &ProcessParked::operation),
                      field("detail", &ProcessParked::detail, Text{0, 2000, Form::lines})};
  }
};

struct ProcessRetried {
  static constexpr std::string_view type = "ProcessRetried.v1";
  static constexpr auto fields() { return std::tuple{}; }
};

using OrderEvent =
    std::variant<OrderPlaced, OrderStockReserved, OrderAssessed, OrderConfirmed,
                 OrderCloseRequested, OrderRejected, OrderCancelled, OrderCaptureRequested,
                 OrderPaid, FulfilmentRecorded, ReturnRecorded, RefundRequested, RefundCompleted,
                 RefundFailed, ProcessParked, ProcessRetried>;

}  // namespace stoa::ordering
