#include "services/ordering/application/order_past.hpp"

#include "kernel/eventlog/journal.hpp"
#include "services/ordering/application/translate.hpp"

namespace stoa::ordering {

std::optional<Order> fold_order_at(EventLog& log, std::string_view order_id, const Moment& moment) {
  Order order;
  bool is_there = false;
  log.read_stream(std::string(stream_prefix).append(order_id), 0, [&](const RecordedEvent& row) {
    is_there = true;
    if (!moment.covers(row)) return false;
    evolve(order, decode_event<OrderEvent>(row.type, row.data), row.recorded_at);
    return true;
  });
  return is_there ? std::optional(std::move(order)) : std::nullopt;
}

}  // namespace stoa::ordering
