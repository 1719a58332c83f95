#include "services/ordering/api/order_assessment.hpp"

#include "kernel/http/typed.hpp"
#include "services/ordering/api/order_access.hpp"
#include "services/ordering/application/orders.hpp"
#include "services/ordering/application/translate.hpp"

namespace stoa::ordering {
namespace {

struct AssessmentView {
  static constexpr std::string_view schema_name = "OrderAssessment";
  std::string order_id;
  std::int64_t score = 0;
  bool reject = false;
  std::vector<std::string> reasons;
  Timestamp assessed_at;
  static constexpr auto fields() {
    using namespace json;
    using V = AssessmentView;
    return std::tuple{
        field("order_id", &V::order_id),
        field("score", &V::score, Range{0, 100}, "0 is no doubt, 100 the greatest"),
        field("reject", &V::reject, Unbounded{}, "whether a new order would be rejected for it"),
        field("reasons", &V::reasons, Unbounded{}, "one of each rule that spoke"),
        field("assessed_at", &V::assessed_at)};
  }
};

http::Response told(const Error& error, const http::Request& request) {
  if (error.kind == ErrorKind::timeout)
    return http::problem({error.kind, "answer_late",
                          "Agents has not answered in time. Nothing was changed: ask again."},
                         request, 504, "Gateway timeout");
  return http::problem(error, request);
}

class Assessing {
 public:
  Assessing(ServiceContext& context, AssessmentSource& source)
      : readers_(context.readers), clock_(context.clock), source_(source) {}

  void handle(const http::RequestPtr& request, const http::Reply& reply) const {
    // It changes nothing, so a repeat needs no key; one that is sent must still be one.
    if (!request->header("idempotency-key").empty())
      if (const auto key = http::idempotency_key(*request); !key)
        return reply(http::problem(key.error(), *request));
    const bool taken = readers_.submit(
        [this, request, reply](Store store) {
          const auto order = fold_order(store.log, request->param("id"));
          if (!order) return reply(http::problem(no_order(), *request));
          ask(*order, request, reply);
        },
        [request, reply] { reply(http::problem(internal_error(), *request)); });
    if (!taken) reply(http::problem(overloaded(), *request));
  }

 private:
  void ask(const Order& order, const http::RequestPtr& request, const http::Reply& reply) const {
    source_.assess(assessment_of(order.placed), request->traceparent,
                   [this, request, reply](Result<agents::contracts::FraudAssessed> found) {
                     if (!found) return reply(told(found.error(), *request));
                     reply(http::json_response(
                         200, json::to_json(AssessmentView{std::move(found->order_id), found->score,
                                                           found->reject, std::move(found->reasons),
                                                           clock_.now()})));
                   });
  }

  Readers& readers_;
  const Clock& clock_;
  AssessmentSource& source_;
};

}  // namespace

void add_order_assessment(ServiceContext& context, AssessmentSource& source) {
  const auto assessing = std::make_shared<const Assessing>(context, source);
  context.router
      .add({.method = "POST",
            .path = "/v1/orders/{id}/assess",
            .access = http::Access::secret,
            .summary = "How likely an order is a fraud by what is known now; changes nothing",
            .tag = "Orders",
            .handler = [assessing](const http::RequestPtr& request,
                                   const http::Reply& reply) { assessing->handle(request, reply); },
            .answer = http::schema_of<AssessmentView>()})
      .also = {422, 504};
}

}  // namespace stoa::ordering
