#include "services/payment/domain/payment.hpp"

#include <algorithm>

namespace stoa::payment {
namespace {

template <class... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};

auto find_pending(const Payment& payment, std::string_view refund_id) {
  return std::find_if(payment.pending.begin(), payment.pending.end(),
                      [&](const PendingRefund& one) { return one.id == refund_id; });
}

void settle(Payment& payment, std::string_view refund_id, bool completed) {
  const auto at = find_pending(payment, refund_id);
  STOA_ASSERT(at != payment.pending.end());
  if (completed) {
    payment.refunded = payment.refunded + at->amount;
  } else {
    payment.refund_reserved = payment.refund_reserved - at->amount;
  }
  payment.pending.erase(payment.pending.begin() + (at - payment.pending.cbegin()));
}

PaymentClosed closed(const Payment& payment, std::string_view reason) {
  return {payment.request.order_id, std::string(reason), payment.captured, payment.captured};
}

/// What a payment that is to end, and holds `captured`, still has to give back.
void add_closing_refund(Events& events, const Payment& payment, const Money& captured) {
  const auto left = captured - payment.refund_reserved;
  if (left.amount() > 0)
    events.emplace_back(
        RefundRequested{payment.request.order_id + std::string(closing_refund_suffix), left});
}

}  // namespace

void evolve(Payment& payment, const PaymentEvent& event) {
  ++payment.revision;
  std::visit(Overload{
                 [&](const PaymentRequested& e) {
                   payment.request = e;
                   payment.status = Status::requested;
                   payment.captured = payment.refunded = payment.refund_reserved =
                       Money::zero(e.amount.currency());
                 },
                 [&](const PaymentAuthorized& e) {
                   payment.status = Status::authorized;
                   payment.reference = e.reference;
                 },
                 [&](const CaptureRequested&) { payment.capture_requested = true; },
                 [&](const PaymentCaptured& e) {
                   payment.status = Status::captured;
                   payment.captured = e.amount;
                   payment.reference = e.reference;
                 },
                 [&](const PaymentDeclined&) { payment.status = Status::declined; },
                 [&](const PaymentCloseRequested& e) { payment.closing = e.reason; },
                 [&](const RefundRequested& e) {
                   payment.pending.push_back({e.refund_id, e.amount});
                   payment.refund_reserved = payment.refund_reserved + e.amount;
                 },
                 [&](const RefundCompleted& e) { settle(payment, e.refund_id, true); },
                 [&](const RefundFailed& e) {
                   if (find_pending(payment, e.refund_id) != payment.pending.end())
                     settle(payment, e.refund_id, false);
                 },
                 [](const PaymentParked&) {},
                 [&](const PaymentClosed&) { payment.status = Status::closed; },
             },
             event);
}

Events request(const Payment& payment, const PaymentRequested& wanted) {
  return payment.status == Status::none ? Events{wanted} : Events{};
}

Events request_capture(const Payment& payment) {
  const bool possible = payment.status == Status::authorized && !payment.closing;
  return possible && !payment.capture_requested ? Events{CaptureRequested{}} : Events{};
}

Events close(const Payment& payment, std::string_view order_id, std::string_view reason,
             Currency currency) {
  if (payment.status == Status::closed || payment.closing) return {};
  const auto zero = Money::zero(currency);
  // Never asked for: it ends here, and a request that comes later finds it ended.
  if (payment.status == Status::none)
    return {PaymentClosed{std::string(order_id), std::string(reason), zero, zero}};
  if (payment.status == Status::declined)
    return {PaymentClosed{std::string(order_id), std::string(reason), zero, zero}};
  Events events{PaymentCloseRequested{std::string(order_id), std::string(reason)}};
  if (payment.status != Status::captured) return events;
  add_closing_refund(events, payment, payment.captured);
  if (payment.refunded == payment.captured) events.emplace_back(closed(payment, reason));
  return events;
}

Events request_refund(const Payment& payment, std::string_view order_id,
                      const RefundRequested& wanted) {
  const auto known = find_pending(payment, wanted.refund_id) != payment.pending.end();
  if (known) return {};
  const bool possible = payment.status == Status::captured && !payment.closing &&
                        wanted.amount <= payment.captured - payment.refund_reserved;
  if (possible) return {wanted};
  return {RefundFailed{std::string(order_id), wanted.refund_id, "refund_exceeds_captured"}};
}

Events on_authorized(const Payment& payment, const Money& amount, std::string_view reference) {
  if (payment.status != Status::requested) return {};
  return {PaymentAuthorized{payment.request.order_id, amount, std::string(reference)}};
}

Events on_captured(const Payment& payment, const Money& amount, std::string_view reference) {
  if (payment.status != Status::requested && payment.status != Status::authorized) return {};
  const auto& order_id = payment.request.order_id;
  const bool expected = amount == payment.request.amount;
  // A payment that is closing never tells that it was captured: it gives the money back.
  Events events{
      PaymentCaptured{order_id, amount, std::string(reference), expected && !payment.closing}};
  if (expected && !payment.closing) return events;
  if (!payment.closing) events.emplace_back(PaymentCloseRequested{order_id, "payment_mismatch"});
  add_closing_refund(events, payment, amount);
  return events;
}

Events on_declined(const Payment& payment, std::string_view code, std::string_view detail) {
  if (payment.status != Status::requested) return {};
  if (payment.closing) return {closed(payment, *payment.closing)};
  return {PaymentDeclined{payment.request.order_id, std::string(code), std::string(detail)}};
}

Events on_voided(const Payment& payment) {
  const bool held = payment.status == Status::requested || payment.status == Status::authorized;
  return held && payment.closing ? Events{closed(payment, *payment.closing)} : Events{};
}

Events on_refunded(const Payment& payment, std::string_view refund_id) {
  const auto at = find_pending(payment, refund_id);
  if (at == payment.pending.end()) return {};
  Events events{RefundCompleted{payment.request.order_id, std::string(refund_id), at->amount}};
  if (payment.closing && payment.refunded + at->amount == payment.captured)
    events.emplace_back(closed(payment, *payment.closing));
  return events;
}

Events on_refund_refused(const Payment& payment, std::string_view refund_id,
                         std::string_view code) {
  if (find_pending(payment, refund_id) == payment.pending.end()) return {};
  return {RefundFailed{payment.request.order_id, std::string(refund_id), std::string(code)}};
}

}  // namespace stoa::payment
