#include "services/ordering/application/translate.hpp"

namespace stoa::ordering {
namespace {

namespace out = contracts;
using Published = std::optional<contracts::Event>;

out::PaymentId payment_of(const std::string& text) {
  const auto id = out::PaymentId::parse(text);
  STOA_ASSERT(id.has_value());
  return *id;
}

std::vector<out::OrderLine> lines_of(const std::vector<LineUnits>& units, bool restocked_only) {
  std::vector<out::OrderLine> lines;
  for (const auto& one : units)
    if (!restocked_only || one.restock) lines.push_back({one.line_id, one.sku, one.quantity});
  return lines;
}

struct Translator {
  std::string id;

  Published operator()(const OrderPlaced& e) const {
    out::OrderPlaced placed{id, e.number, e.total, {}, e.display_number};
    for (const auto& line : e.lines) placed.lines.push_back({line.id, line.sku, line.quantity});
    return placed;
  }
  Published operator()(const OrderStockReserved& e) const {
    return out::AssessmentRequested{id,
                                    e.total,
                                    e.email_fingerprint,
                                    e.address_fingerprint,
                                    e.shipping_country,
                                    e.billing_country,
                                    e.token,
                                    e.placed_at};
  }
  Published operator()(const OrderAssessed& e) const {
    if (!e.payment) return std::nullopt;
    const auto& p = *e.payment;
    return out::PaymentRequested{id,      payment_of(p.payment_id),           p.amount, p.provider,
                                 p.token, p.capture == CaptureMode::automatic};
  }
  Published operator()(const OrderConfirmed& e) const {
    return out::OrderConfirmed{id, e.has_phone};
  }
  Published operator()(const OrderCloseRequested& e) const {
    return out::PaymentCloseRequested{id, payment_of(e.payment_id), e.code};
  }
  Published operator()(const OrderRejected& e) const { return out::OrderRejected{id, e.code}; }
  Published operator()(const OrderCancelled&) const { return out::OrderCancelled{id}; }
  Published operator()(const OrderCaptureRequested& e) const {
    return out::CaptureRequested{id, payment_of(e.payment_id)};
  }
  Published operator()(const FulfilmentRecorded& e) const {
    return out::FulfilmentRecorded{id, e.fulfilment_id, lines_of(e.lines, false), e.complete,
                                   e.has_phone};
  }
  Published operator()(const ReturnRecorded& e) const {
    return out::ReturnRecorded{id, e.return_id, lines_of(e.lines, true)};
  }
  Published operator()(const RefundRequested& e) const {
    return out::RefundRequested{id, payment_of(e.payment_id), e.refund_id, e.amount};
  }
  Published operator()(const ProcessRetried&) const { return out::ProcessRetried{id}; }
  // Ordering's notes of what others told it: they published it themselves.
  Published operator()(const OrderPaid&) const { return std::nullopt; }
  Published operator()(const RefundCompleted&) const { return std::nullopt; }
  Published operator()(const RefundFailed&) const { return std::nullopt; }
  Published operator()(const ProcessParked&) const { return std::nullopt; }
};

}  // namespace

std::optional<contracts::Event> translate(const OrderEvent& event, const RecordedEvent& row) {
  return std::visit(Translator{row.stream.substr(stream_prefix.size())}, event);
}

contracts::AssessmentRequested assessment_of(const OrderPlaced& order) {
  return {order.order_id,
          order.total,
          order.email_fingerprint,
          order.address_fingerprint,
          order.shipping_country,
          order.billing_country,
          order.token,
          order.placed_at};
}

}  // namespace stoa::ordering
