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

/// `amount` is what the provider holds; `expected` tells whether the order waits for just that.
struct PaymentAuthorized {
  static constexpr std::string_view type = "PaymentAuthorized.v1";
  std::string order_id;
  Money amount;
  std::string reference;
  bool expected = true;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentAuthorized;
    return std::tuple{field("order_id", &P::order_id), field("amount", &P::amount),
                      field("reference", &P::reference), defaulted("expected", &P::expected)};
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

/// What was parked is tried again.
struct PaymentResumed {
  static constexpr std::string_view type = "PaymentResumed.v1";
  std::string order_id;
  std::string operation;
  static constexpr auto fields() {
    using namespace json;
    using P = PaymentResumed;
    return std::tuple{field("order_id", &P::order_id), field("operation", &P::operation)};
  }
};

/// The end: nothing is held, and all that was taken is given back. Without sums when the payment
/// was closed before it was asked for: then its currency is not known.
struct PaymentClosed {
  static constexpr std::string_view type = "PaymentClosed.v1";
  std::string order_id;
  std::string reason;
  std::optional<Money> captured;
  std::optional<Money> refunded;
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
                 RefundFailed, PaymentParked, PaymentResumed, PaymentClosed>;
using Events = std::vector<PaymentEvent>;

BOOST_DEFINE_ENUM_CLASS(Status, none, requested, authorized, captured, declined, closed)

BOOST_DEFINE_ENUM_CLASS(RefundStatus, pending, completed, failed)

struct Refund {
  std::string id;
  Money amount;
  RefundStatus status = RefundStatus::pending;
};

struct Payment {
  std::string id = {};
  std::int64_t revision = 0;
  Status status = Status::none;
  PaymentRequested request = {};
  std::string reference = {};  ///< the provider's; empty until it held or took something
  bool capture_requested = false;
  std::optional<std::string> closing = {};  ///< the reason
  Money captured = {};
  Money refund_reserved = {};  ///< requested and not failed, so completed ones count
  Money refunded = {};
  std::vector<Refund> pending = {};  ///< reserved, and not answered yet
  std::vector<Refund> settled = {};  ///< completed or failed: a repeat finds itself

  [[nodiscard]] bool was_requested() const { return request.amount.currency() != Currency(); }
  [[nodiscard]] bool knows_refund(std::string_view refund_id) const;
  [[nodiscard]] const Refund* pending_refund(std::string_view refund_id) const;
};

void evolve(Payment& payment, const PaymentEvent& event);

// Decisions: pure; an empty vector means "already so". What the provider says comes late and twice.

Events request(const Payment& payment, const PaymentRequested& wanted);
Events request_capture(const Payment& payment);
/// Answered by PaymentClosed in every case, also for a payment that was never asked for.
Events close(const Payment& payment, std::string_view order_id, std::string_view reason);
/// Reserves the amount before the provider is asked: requested + refunded ≤ captured.
Events request_refund(const Payment& payment, std::string_view order_id,
                      const RefundRequested& wanted);

// What the provider ended with. Money that it holds or took although the payment is closing, ended
// or of another amount is not told to the order: it is given back, and PaymentClosed follows.

Events on_authorized(const Payment& payment, const Money& amount, std::string_view reference);
Events on_captured(const Payment& payment, const Money& amount, std::string_view reference);
Events on_declined(const Payment& payment, std::string_view code, std::string_view detail);
Events on_voided(const Payment& payment);
Events on_refunded(const Payment& payment, std::string_view refund_id);
/// Nothing for the refund of a closing payment itself: it must succeed or be parked.
Events on_refund_refused(const Payment& payment, std::string_view refund_id, std::string_view code);

}  // namespace stoa::payment
