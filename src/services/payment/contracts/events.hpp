#pragma once

#include <optional>
#include <string>
#include <variant>

#include "kernel/json/codec.hpp"

namespace stoa::payment {

using PaymentId = Id<"pay">;

namespace contracts {

/// The provider holds `amount` for us (manual capture).
struct PaymentAuthorized {
  static constexpr std::string_view type = "payment.PaymentAuthorized.v1";
  PaymentId payment_id;
  std::string order_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("payment_id", &PaymentAuthorized::payment_id),
                      field("order_id", &PaymentAuthorized::order_id),
                      field("amount", &PaymentAuthorized::amount)};
  }
};

/// The money is ours: exactly what was asked for.
struct PaymentCaptured {
  static constexpr std::string_view type = "payment.PaymentCaptured.v1";
  PaymentId payment_id;
  std::string order_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("payment_id", &PaymentCaptured::payment_id),
                      field("order_id", &PaymentCaptured::order_id),
                      field("amount", &PaymentCaptured::amount)};
  }
};

/// The provider took money that the order does not wait for: another amount, or too late. It is
/// given back, told as RefundCompleted like all that is; so captures less refunds is what we hold.
struct UnexpectedPaymentCaptured {
  static constexpr std::string_view type = "payment.UnexpectedPaymentCaptured.v1";
  PaymentId payment_id;
  std::string order_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    using E = UnexpectedPaymentCaptured;
    return std::tuple{field("payment_id", &E::payment_id), field("order_id", &E::order_id),
                      field("amount", &E::amount)};
  }
};

/// Final: no money was or will be taken. `code`: payment_declined, insufficient_funds and others
/// that the README of Payment lists; payment_unavailable when the provider could not say.
struct PaymentDeclined {
  static constexpr std::string_view type = "payment.PaymentDeclined.v1";
  PaymentId payment_id;
  std::string order_id;
  std::string code;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("payment_id", &PaymentDeclined::payment_id),
                      field("order_id", &PaymentDeclined::order_id),
                      field("code", &PaymentDeclined::code),
                      field("detail", &PaymentDeclined::detail)};
  }
};

/// Final: voided, or all that was captured is refunded. Asked for by the order, or by Payment
/// itself when the provider captured another amount (`reason` is then payment_mismatch). Without
/// sums when the payment was closed before it was asked for: then its currency is not known.
struct PaymentClosed {
  static constexpr std::string_view type = "payment.PaymentClosed.v1";
  PaymentId payment_id;
  std::string order_id;
  std::string reason;
  std::optional<Money> captured;
  std::optional<Money> refunded;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("payment_id", &PaymentClosed::payment_id),
        field("order_id", &PaymentClosed::order_id), field("reason", &PaymentClosed::reason),
        field("captured", &PaymentClosed::captured), field("refunded", &PaymentClosed::refunded)};
  }
};

struct RefundCompleted {
  static constexpr std::string_view type = "payment.RefundCompleted.v1";
  PaymentId payment_id;
  std::string order_id;
  std::string refund_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("payment_id", &RefundCompleted::payment_id),
                      field("order_id", &RefundCompleted::order_id),
                      field("refund_id", &RefundCompleted::refund_id),
                      field("amount", &RefundCompleted::amount)};
  }
};

/// The provider refuses it for good, or more was asked than is left.
struct RefundFailed {
  static constexpr std::string_view type = "payment.RefundFailed.v1";
  PaymentId payment_id;
  std::string order_id;
  std::string refund_id;
  std::string code;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("payment_id", &RefundFailed::payment_id), field("order_id", &RefundFailed::order_id),
        field("refund_id", &RefundFailed::refund_id), field("code", &RefundFailed::code)};
  }
};

/// A call to the provider failed so often that a person must look; `operation` names it.
struct PaymentParked {
  static constexpr std::string_view type = "payment.PaymentParked.v1";
  PaymentId payment_id;
  std::string order_id;
  std::string operation;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("payment_id", &PaymentParked::payment_id),
                      field("order_id", &PaymentParked::order_id),
                      field("operation", &PaymentParked::operation),
                      field("detail", &PaymentParked::detail)};
  }
};

using Event =
    std::variant<PaymentAuthorized, PaymentCaptured, UnexpectedPaymentCaptured, PaymentDeclined,
                 PaymentClosed, RefundCompleted, RefundFailed, PaymentParked>;

}  // namespace contracts
}  // namespace stoa::payment
