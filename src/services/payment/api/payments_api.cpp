#include "services/payment/api/payments_api.hpp"

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"
#include "services/payment/application/payments.hpp"

namespace stoa::payment {
namespace {

using http::Reply;
using http::RequestPtr;

struct PaymentSummary {
  static constexpr std::string_view schema_name = "PaymentSummary";
  std::string id, order_id, status;
  std::optional<Money> amount, captured, refunded;
  Timestamp updated_at;
  static constexpr auto fields() {
    using namespace json;
    using V = PaymentSummary;
    return std::tuple{field("id", &V::id),
                      field("order_id", &V::order_id),
                      field("status", &V::status),
                      field("amount", &V::amount),
                      field("captured", &V::captured),
                      field("refunded", &V::refunded),
                      field("updated_at", &V::updated_at)};
  }
};

struct PaymentPage {
  static constexpr std::string_view schema_name = "PaymentPage";
  std::vector<PaymentSummary> data;
  std::optional<std::string> next_cursor;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("data", &PaymentPage::data),
                      field("next_cursor", &PaymentPage::next_cursor)};
  }
};

struct RefundView {
  std::string id, status;
  std::optional<Money> amount;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("id", &RefundView::id), field("status", &RefundView::status),
                      field("amount", &RefundView::amount)};
  }
};

struct EventView {
  std::int64_t revision = 0;
  std::int64_t position = 0;
  Timestamp recorded_at;
  std::string type;
  json::Raw data;
  static constexpr auto fields() {
    using namespace json;
    using V = EventView;
    return std::tuple{field("revision", &V::revision), field("position", &V::position),
                      field("recorded_at", &V::recorded_at), field("type", &V::type),
                      field("data", &V::data)};
  }
};

struct PaymentView {
  static constexpr std::string_view schema_name = "Payment";
  std::string id, order_id, status;
  std::int64_t revision = 0;
  std::optional<Money> amount, captured, refunded;
  std::string provider, reference;
  std::optional<std::string> closing;
  std::vector<RefundView> refunds;
  std::vector<EventView> history;
  static constexpr auto fields() {
    using namespace json;
    using V = PaymentView;
    return std::tuple{
        field("id", &V::id),
        field("order_id", &V::order_id),
        field("status", &V::status),
        field("revision", &V::revision),
        field("amount", &V::amount),
        field("captured", &V::captured),
        field("refunded", &V::refunded),
        field("provider", &V::provider),
        field("reference", &V::reference, Unbounded{}, "the provider's; empty before it has one"),
        field("closing", &V::closing, Unbounded{}, "why the payment ends or has ended"),
        field("refunds", &V::refunds),
        field("history", &V::history)};
  }
};

/// An amount without a currency is of a payment that was never asked for.
std::optional<Money> shown(const Money& money) {
  return money.currency() == Currency() ? std::nullopt : std::optional(money);
}

PaymentView view_of(const Payment& payment) {
  PaymentView view{payment.id,
                   payment.request.order_id,
                   std::string(json::name_of(payment.status)),
                   payment.revision,
                   shown(payment.request.amount),
                   shown(payment.captured),
                   shown(payment.refunded),
                   payment.request.provider,
                   payment.reference,
                   payment.closing,
                   {},
                   {}};
  for (const auto* refunds : {&payment.settled, &payment.pending})
    for (const auto& refund : *refunds)
      view.refunds.push_back(
          {refund.id, std::string(json::name_of(refund.status)), shown(refund.amount)});
  return view;
}

void list(Readers& readers, const PaymentQueries& queries, const RequestPtr& request,
          const Reply& reply) {
  http::Query query(*request);
  PaymentFilter filter;
  filter.limit = query.integer("limit", 1, 200, 50);
  filter.before_id = query.text("cursor");
  filter.order_id = query.text("filter[order_id]");
  filter.status = query.text("filter[status]");
  if (filter.before_id && !PaymentId::parse(*filter.before_id))
    query.error("cursor", "wrong_cursor", "Is no cursor of this list.");
  if (filter.status && !json::from_name<Status>(*filter.status))
    query.error("filter[status]", "unknown_value", json::one_of(json::names_of<Status>()));
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  http::answer_from_replica(readers, request, reply, [&queries, filter](Store store) {
    PaymentPage page;
    for (auto& row : queries.list(store, filter))
      page.data.push_back({row.id, row.order_id, row.status, row.amount, row.captured, row.refunded,
                           row.updated_at});
    if (static_cast<std::int64_t>(page.data.size()) == filter.limit)
      page.next_cursor = page.data.back().id;
    return http::json_response(200, json::to_json(page));
  });
}

void show(Readers& readers, const RequestPtr& request, const Reply& reply) {
  http::answer_from_store(readers, request, reply, [request](Store store) {
    const auto& id = request->param("id");
    const auto payment = PaymentId::parse(id) ? fold_payment(store.log, id) : std::nullopt;
    if (!payment)
      return http::problem({ErrorKind::not_found, "payment_not_found", "There is no such payment."},
                           *request);
    auto view = view_of(*payment);
    store.log.read_stream(stream_of(id), 0, [&](const RecordedEvent& row) {
      view.history.push_back({row.revision, row.position, row.recorded_at, row.type, {row.data}});
      return true;
    });
    return http::json_response(200, json::to_json(view));
  });
}

}  // namespace

void add_payment_routes(http::Router& router, Readers& readers, const PaymentQueries& queries) {
  router.add(
      {.method = "GET",
       .path = "/v1/payments",
       .access = http::Access::secret,
       .summary = "Payments, newest first",
       .tag = "Payments",
       .handler = [&readers, &queries](
                      const RequestPtr& request,
                      const Reply& reply) { list(readers, queries, request, reply); },
       .answer = http::schema_of<PaymentPage>(),
       .query = {{"limit", "1 to 200, 50 without it"},
                 {"cursor", "next_cursor of the page before"},
                 {"filter[order_id]", "the payments of an order"},
                 {"filter[status]", "requested, authorized, captured, declined or closed"}}});
  router.add({.method = "GET",
              .path = "/v1/payments/{id}",
              .access = http::Access::secret,
              .summary = "A payment with its history",
              .tag = "Payments",
              .handler = [&readers](const RequestPtr& request,
                                    const Reply& reply) { show(readers, request, reply); },
              .answer = http::schema_of<PaymentView>()});
}

}  // namespace stoa::payment
