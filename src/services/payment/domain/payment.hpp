#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/json/codec.hpp"

/// One payment, `payment-<id>`: the stream owns the money. The stored events are versioned formats.
namespace stoa::payment {

struct PaymentRequested {
  static constexpr std::string_view type = "PaymentRequested.v1";
  std::string order_id;
  Money amount;
  std::string provider;
  std::string token;
  bool capture = true;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentRequested;
    return std::tuple{field("order_id", &P::order_id), field("amount", &P::amount),
                      field("provider", &P::provider), field("token", &P::token),
                      field("capture", &P::capture)};
  }
};

struct PaymentAuthorized {
  static constexpr std::string_view type = "PaymentAuthorized.v1";
  std::string order_id;
  Money amount;
  std::string reference;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentAuthorized;
    return std::tuple{field("order_id", &P::order_id), field("amount", &P::amount),
                      field("reference", &P::reference)};
  }
};

struct CaptureRequested {
  static constexpr std::string_view type = "CaptureRequested.v1";
  static constexpr auto fields() { return std::tuple{}; }
};

/// `amount` is what the provider took; `expected` tells whether it is what was asked for.
struct PaymentCaptured {
  static constexpr std::string_view type = "PaymentCaptured.v1";
  std::string order_id;
  Money amount;
  std::string reference;
  bool expected = true;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentCaptured;
    return std::tuple{field("order_id", &P::order_id), field("amount", &P::amount),
                      field("reference", &P::reference), field("expected", &P::expected)};
  }
};

struct PaymentDeclined {
  static constexpr std::string_view type = "PaymentDeclined.v1";
  std::string order_id;
  std::string code;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentDeclined;
    return std::tuple{field("order_id", &P::order_id), field("code", &P::code),
                      field("detail", &P::detail)};
  }
};

struct PaymentCloseRequested {
  static constexpr std::string_view type = "PaymentCloseRequested.v1";
  std::string order_id;
  std::string reason;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentCloseRequested;
    return std::tuple{field("order_id", &P::order_id), field("reason", &P::reason)};
  }
};

struct RefundRequested {
  static constexpr std::string_view type = "RefundRequested.v1";
  std::string refund_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("refund_id", &RefundRequested::refund_id),
                      field("amount", &RefundRequested::amount)};
  }
};

struct RefundCompleted {
  static constexpr std::string_view type = "RefundCompleted.v1";
  std::string order_id;
  std::string refund_id;
  Money amount;
  static constexpr auto fields() {
    using namespace json;
    using R = RefundCompleted;
    return std::tuple{field("order_id", &R::order_id), field("refund_id", &R::refund_id),
                      field("amount", &R::amount)};
  }
};

struct RefundFailed {
  static constexpr std::string_view type = "RefundFailed.v1";
  std::string order_id;
  std::string refund_id;
  std::string code;
  static constexpr auto fields() {
    using namespace json;
    using R = RefundFailed;
    return std::tuple{field("order_id", &R::order_id), field("refund_id", &R::refund_id),
                      field("code", &R::code)};
  }
};

struct PaymentParked {
  static constexpr std::string_view type = "PaymentParked.v1";
  std::string order_id;
  std::string operation;
  std::string detail;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentParked;
    return std::tuple{field("order_id", &P::order_id), field("operation", &P::operation),
                      field("detail", &P::detail)};
  }
};

/// The end: nothing is held, and all that was taken is given back.
struct PaymentClosed {
  static constexpr std::string_view type = "PaymentClosed.v1";
  std::string order_id;
  std::string reason;
  Money captured;
  Money refunded;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentClosed;
    return std::tuple{field("order_id", &P::order_id), field("reason", &P::reason),
                      field("captured", &P::captured), field("refunded", &P::refunded)};
  }
};

using PaymentEvent =
    std::variant<PaymentRequested, PaymentAuthorized, CaptureRequested, PaymentCaptured,
                 PaymentDeclined, PaymentCloseRequested, RefundRequested, RefundCompleted,
                 RefundFailed, PaymentParked, PaymentClosed>;
using Events = std::vector<PaymentEvent>;

BOOST_DEFINE_ENUM_CLASS(Status, none, requested, authorized, captured, declined, closed)

struct PendingRefund {
  std::string id;
  Money amount;
};

struct Payment {
  std::int64_t revision = 0;
  Status status = Status::none;
  PaymentRequested request;
  std::string reference;  ///< the provider's
  bool capture_requested = false;
  std::optional<std::string> closing;  ///< the reason
  Money captured;
  Money refund_reserved;  ///< requested and not failed
  Money refunded;
  std::vector<PendingRefund> pending;

  [[nodiscard]] bool ended() const {
    return status == Status::declined || status == Status::closed;
  }
};

void evolve(Payment& payment, const PaymentEvent& event);

// Decisions: pure; an empty vector means "already so". What the provider says comes late and twice.

Events request(const Payment& payment, const PaymentRequested& wanted);
Events request_capture(const Payment& payment);
Events close(const Payment& payment, std::string_view order_id, std::string_view reason,
             Currency currency);
/// Reserves the amount before the provider is asked: requested + refunded ≤ captured.
Events request_refund(const Payment& payment, std::string_view order_id,
                      const RefundRequested& wanted);
Events on_authorized(const Payment& payment, const Money& amount, std::string_view reference);
Events on_captured(const Payment& payment, const Money& amount, std::string_view reference);
Events on_declined(const Payment& payment, std::string_view code, std::string_view detail);
Events on_voided(const Payment& payment);
Events on_refunded(const Payment& payment, std::string_view refund_id);
Events on_refund_refused(const Payment& payment, std::string_view refund_id, std::string_view code);

/// The id of the refund that gives back what a closing payment still holds.
inline constexpr std::string_view closing_refund_suffix = "-close";

}  // namespace stoa::payment
