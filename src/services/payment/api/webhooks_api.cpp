#include "services/payment/api/webhooks_api.hpp"

#include "kernel/http/from_store.hpp"
#include "kernel/http/typed.hpp"

namespace stoa::payment {
namespace {

using http::Reply;
using http::RequestPtr;

struct Received {
  static constexpr std::string_view schema_name = "WebhookReceived";
  bool received = true;
  static constexpr auto fields() {
    return std::tuple{json::field("received", &Received::received)};
  }
};

struct ReportView {
  std::string provider, id, type, outcome;
  std::optional<std::string> payment_id;
  std::string reference;
  Timestamp received_at;
  static constexpr auto fields() {
    using namespace json;
    using V = ReportView;
    return std::tuple{field("provider", &V::provider),
                      field("id", &V::id, Unbounded{}, "the provider's"),
                      field("type", &V::type, Unbounded{}, "the provider's"),
                      field("outcome", &V::outcome, Unbounded{}, "taken or unmatched"),
                      field("payment_id", &V::payment_id),
                      field("reference", &V::reference),
                      field("received_at", &V::received_at)};
  }
};

struct ReportList {
  static constexpr std::string_view schema_name = "PaymentReports";
  std::vector<ReportView> data;
  static constexpr auto fields() { return std::tuple{json::field("data", &ReportList::data)}; }
};

void receive(Webhooks& webhooks, const RequestPtr& request, const Reply& reply) {
  const auto& provider = request->param("provider");
  const auto header = webhooks.signature_header(provider);
  if (!header) return reply(http::problem(header.error(), *request));
  webhooks.receive(provider, request->header(*header), request->body, request->cause(),
                   [request, reply](const Result<void>& taken) {
                     if (!taken) return reply(http::problem(taken.error(), *request));
                     reply(http::json_response(200, json::to_json(Received{})));
                   });
}

void list(Readers& readers, const PaymentQueries& queries, const RequestPtr& request,
          const Reply& reply) {
  http::Query query(*request);
  ReportFilter filter;
  filter.limit = query.integer("limit", 1, 200, 50);
  if (const auto outcome = query.text("filter[outcome]")) {
    filter.outcome = json::from_name<ReportOutcome>(*outcome);
    if (!filter.outcome || *filter.outcome == ReportOutcome::repeated)
      query.error("filter[outcome]", "unknown_value", "Must be taken or unmatched.");
  }
  if (const auto good = query.finish(); !good) return reply(http::problem(good.error(), *request));
  http::answer_from_replica(readers, request, reply, [&queries, filter](Store store) {
    ReportList page;
    for (auto& one : queries.reports(store, filter))
      page.data.push_back({one.provider, one.event_id, one.type,
                           std::string(json::name_of(one.outcome)),
                           one.payment_id.empty() ? std::nullopt : std::optional(one.payment_id),
                           one.reference, one.received_at});
    return http::json_response(200, json::to_json(page));
  });
}

}  // namespace

void add_webhook_routes(http::Router& router, Readers& readers, const PaymentQueries& queries,
                        Webhooks& webhooks) {
  router.add({.method = "POST",
              .path = "/v1/webhooks/payments/{provider}",
              .access = http::Access::open,
              .summary = "Report of a payment provider, signed over its raw body",
              .tag = "Payments",
              .handler = [&webhooks](const RequestPtr& request,
                                     const Reply& reply) { receive(webhooks, request, reply); },
              .answer = http::schema_of<Received>(),
              .limits = {.body_bytes_max = std::size_t{256} << 10},
              .rate_limited = false,  // a provider that is told to slow down disables the webhook
              .also = {400, 413, 503}});
  router.add(
      {.method = "GET",
       .path = "/v1/webhooks/payments/events",
       .access = http::Access::secret,
       .summary = "What payment providers reported in the last 35 days, newest first",
       .tag = "Payments",
       .handler = [&readers, &queries](
                      const RequestPtr& request,
                      const Reply& reply) { list(readers, queries, request, reply); },
       .answer = http::schema_of<ReportList>(),
       .query = {{"limit", "1 to 200, 50 without it"},
                 {"filter[outcome]", "taken, or unmatched: about no payment of this shop"}}});
}

}  // namespace stoa::payment
