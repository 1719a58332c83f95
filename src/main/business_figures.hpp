#pragma once

#include "kernel/base/clock.hpp"
#include "kernel/messaging/topic.hpp"
#include "kernel/telemetry/metrics.hpp"
#include "services/ordering/contracts/events.hpp"
#include "services/payment/contracts/events.hpp"

namespace stoa {

/// Counts what a merchant looks at, once it is durable, since the start of the process:
///
/// - `stoa_orders_placed_total`, and their value in `stoa_order_value_minor_units_total`
/// - `stoa_orders_total` by outcome: confirmed, rejected, cancelled (a confirmed order may be
///   cancelled later); `stoa_order_rejections_total` by code; `stoa_stock_outs_total`
/// - `stoa_revenue_minor_units_total`: all that was captured; `stoa_refunds_minor_units_total`: all
///   that was given back, so that their difference is what the shop holds
/// - `stoa_refunds_total` by outcome: completed, failed
/// - `stoa_order_seconds` by outcome, from the request; `stoa_refund_seconds`, of refunds that were
///   asked for, from the request to their completion
///
/// Money is by currency, in its minor units. All arguments outlive the topics.
void add_business_figures(telemetry::Metrics& metrics, const Clock& clock,
                          Topic<ordering::contracts::Event>& ordering,
                          Topic<payment::contracts::Event>& payment);

}  // namespace stoa
