#include "services/payment/domain/payment.hpp"

#include <algorithm>

#include "kernel/base/overload.hpp"
#include "kernel/base/planted.hpp"

namespace stoa::payment {
namespace {

const Refund* find(const std::vector<Refund>& refunds, std::string_view id) {
  const auto at =
      std::find_if(refunds.begin(), refunds.end(), [&](const Refund& one) { return one.id == id; });
  return at == refunds.end() ? nullptr : &*at;
}

void settle(Payment& payment, const std::string& refund_id, RefundStatus status) {
  const auto* found = find(payment.pending, refund_id);
  if (found == nullptr) {  // refused at once, so never reserved
    payment.settled.push_back({refund_id, {}, status});
    return;
  }
  if (status == RefundStatus::completed) {
    payment.refunded = payment.refunded + found->amount;
  } else {
    payment.refund_reserved = payment.refund_reserved - found->amount;
  }
  payment.settled.push_back({refund_id, found->amount, status});
  payment.pending.erase(payment.pending.begin() + (found - payment.pending.data()));
}

PaymentClosed closed_with_all_back(const Payment& payment) {
  return {payment.request.order_id, *payment.closing, payment.captured, payment.captured};
}

std::string closing_prefix(const Payment& payment) { return payment.id + "-close"; }

/// A key of its own for each refund that a closing payment needs; most need one.
RefundRequested closing_refund(const Payment& payment, const Money& amount) {
  const auto prefix = closing_prefix(payment);
  const auto is_closing = [&](const Refund& one) { return one.id.starts_with(prefix); };
  const auto made = std::count_if(payment.pending.begin(), payment.pending.end(), is_closing) +
                    std::count_if(payment.settled.begin(), payment.settled.end(), is_closing);
  return {made == 0 ? prefix : prefix + "-" + std::to_string(made + 1), amount};
}

/// What the provider did is known, but not to be kept: the payment ends by itself.
void add_close_request(Events& events, const Payment& payment, bool is_amount_right) {
  if (payment.closing) return;
  const auto* reason = is_amount_right ? "payment_after_end" : "payment_mismatch";
  events.emplace_back(PaymentCloseRequested{payment.request.order_id, reason});
}

}  // namespace

bool Payment::knows_refund(std::string_view refund_id) const {
  return find(pending, refund_id) != nullptr || find(settled, refund_id) != nullptr;
}

const Refund* Payment::pending_refund(std::string_view refund_id) const {
  return find(pending, refund_id);
}

void evolve(Payment& payment, const PaymentEvent& event) {
  ++payment.revision;
  std::visit(
      Overload{
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
            payment.pending.push_back({e.refund_id, e.amount, RefundStatus::pending});
            payment.refund_reserved = payment.refund_reserved + e.amount;
          },
          [&](const RefundCompleted& e) { settle(payment, e.refund_id, RefundStatus::completed); },
          [&](const RefundFailed& e) { settle(payment, e.refund_id, RefundStatus::failed); },
          [](const PaymentParked&) {},
          [](const PaymentResumed&) {},
          [&](const PaymentClosed& e) {
            payment.status = Status::closed;
            payment.closing = e.reason;
            payment.request.order_id = e.order_id;
          },
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

Events close(const Payment& payment, std::string_view order_id, std::string_view reason) {
  if (payment.closing) return {};
  // Never asked for: it ends here, and a request that comes later finds it ended.
  if (payment.status == Status::none)
    return {PaymentClosed{std::string(order_id), std::string(reason), {}, {}}};
  if (payment.status == Status::declined)
    return {PaymentClosed{std::string(order_id), std::string(reason), payment.captured,
                          payment.refunded}};
  Events events{PaymentCloseRequested{std::string(order_id), std::string(reason)}};
  if (payment.status != Status::captured) return events;
  const auto left = payment.captured - payment.refund_reserved;
  if (left.amount() > 0) events.emplace_back(closing_refund(payment, left));
  if (payment.refunded == payment.captured)
    events.emplace_back(PaymentClosed{std::string(order_id), std::string(reason), payment.captured,
                                      payment.refunded});
  return events;
}

Events request_refund(const Payment& payment, std::string_view order_id,
                      const RefundRequested& wanted) {
  if (payment.knows_refund(wanted.refund_id)) return {};
  const bool possible = payment.status == Status::captured && !payment.closing &&
                        wanted.amount.currency() == payment.captured.currency() &&
                        wanted.amount.amount() > 0 &&
                        (wanted.amount <= payment.captured - payment.refund_reserved ||
                         planted(Defect::refund_reserve_ignored));
  if (possible) return {wanted};
  return {RefundFailed{std::string(order_id), wanted.refund_id, "refund_exceeds_captured"}};
}

Events on_authorized(const Payment& payment, const Money& amount, std::string_view reference) {
  // A repeat: the provider's reference is known. What it held once is settled or being voided.
  if (!payment.was_requested() || !payment.reference.empty()) return {};
  const bool is_right = amount == payment.request.amount;
  const bool expected = is_right && payment.status == Status::requested && !payment.closing;
  Events events{
      PaymentAuthorized{payment.request.order_id, amount, std::string(reference), expected}};
  if (!expected) add_close_request(events, payment, is_right);
  return events;
}

Events on_captured(const Payment& payment, const Money& amount, std::string_view reference) {
  const bool is_taken = payment.status == Status::captured || !payment.captured.is_zero();
  if (!payment.was_requested() || (is_taken && !planted(Defect::capture_not_deduplicated)))
    return {};
  const bool is_right = amount == payment.request.amount || planted(Defect::wrong_amount_accepted);
  const bool is_awaited =
      payment.status == Status::requested || payment.status == Status::authorized;
  const bool expected = is_right && is_awaited && !payment.closing;
  Events events{
      PaymentCaptured{payment.request.order_id, amount, std::string(reference), expected}};
  if (expected) return events;
  add_close_request(events, payment, is_right);
  events.emplace_back(closing_refund(payment, amount));
  return events;
}

Events on_declined(const Payment& payment, std::string_view code, std::string_view detail) {
  if (payment.status != Status::requested) return {};
  if (payment.closing) return {closed_with_all_back(payment)};
  return {PaymentDeclined{payment.request.order_id, std::string(code), std::string(detail)}};
}

Events on_voided(const Payment& payment) {
  const bool held = payment.status == Status::requested || payment.status == Status::authorized;
  return held && payment.closing ? Events{closed_with_all_back(payment)} : Events{};
}

Events on_refunded(const Payment& payment, std::string_view refund_id) {
  const auto* refund = payment.pending_refund(refund_id);
  if (refund == nullptr) return {};
  Events events{RefundCompleted{payment.request.order_id, refund->id, refund->amount}};
  if (payment.closing && payment.refunded + refund->amount == payment.captured)
    events.emplace_back(closed_with_all_back(payment));
  return events;
}

Events on_refund_refused(const Payment& payment, std::string_view refund_id,
                         std::string_view code) {
  const auto* refund = payment.pending_refund(refund_id);
  if (refund == nullptr || refund_id.starts_with(closing_prefix(payment))) return {};
  Events events{RefundFailed{payment.request.order_id, refund->id, std::string(code)}};
  // The money of the refused one is still here, and a closing payment keeps none.
  if (payment.closing) events.emplace_back(closing_refund(payment, refund->amount));
  return events;
}

}  // namespace stoa::payment
