#include "services/ordering/application/order_facts.hpp"

#include "kernel/base/planted.hpp"
#include "kernel/base/text.hpp"

namespace stoa::ordering {
namespace {

std::vector<contracts::UnitsFact> units_of(const std::vector<LineUnits>& lines) {
  std::vector<contracts::UnitsFact> units;
  for (const auto& line : lines) units.push_back({line.line_id, line.quantity});
  return units;
}

}  // namespace

std::optional<PersonalData> unseal(Store store, const Order& order, const OrderQueries& queries,
                                   const Crypto& crypto) {
  if (planted(Defect::personal_data_unsealed)) {
    auto plain = json::read_stored<PersonalData>(order.placed.personal);
    return plain ? std::optional(std::move(*plain)) : std::nullopt;
  }
  const auto key = queries.person_key(store, order.placed.key_id);
  const auto sealed = from_base64(order.placed.personal);
  if (!key || !sealed) return std::nullopt;
  const auto text = crypto.unseal(*key, *sealed, "order-" + order.placed.order_id);
  auto personal = text ? json::read_stored<PersonalData>(*text) : Result<PersonalData>{};
  return text && personal ? std::optional(std::move(*personal)) : std::nullopt;
}

contracts::OrderFacts facts_of(const Order& order, const std::optional<PersonalData>& personal) {
  const auto& placed = order.placed;
  contracts::OrderFacts facts;
  facts.order_id = placed.order_id;
  facts.number = placed.shown_number();
  facts.placed_at = placed.placed_at;
  if (personal)
    facts.customer = {personal->email, personal->name, personal->phone, personal->language};
  for (const auto& line : order.lines) {
    const auto& sold = line.sold;
    facts.lines.push_back({sold.id, sold.sku, sold.title, sold.quantity, sold.unit_price,
                           *sold.unit_price.checked_multiply(sold.quantity.count())});
  }
  facts.total = placed.total;
  facts.refunded = order.refunded;
  if (order.rejection) facts.rejection_code = order.rejection->code;
  facts.cancel_reason = order.cancel_reason;
  for (const auto& [record, at] : order.fulfilments)
    facts.fulfilments.push_back({record.fulfilment_id, units_of(record.lines), record.carrier,
                                 record.tracking_number, record.tracking_url});
  for (const auto& [record, at] : order.returns)
    facts.returns.push_back({record.return_id, units_of(record.lines), record.refund});
  for (const auto& refund : order.refunds) facts.refunds.push_back({refund.id, refund.amount});
  return facts;
}

}  // namespace stoa::ordering
