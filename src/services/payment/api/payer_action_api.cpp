#include "services/payment/api/payer_action_api.hpp"

#include <memory>

#include "kernel/http/typed.hpp"
#include "services/payment/application/payments.hpp"

namespace stoa::payment {
namespace {

using http::Reply;
using http::RequestPtr;

struct ActionView {
  std::string type;
  std::string client_secret;
  std::optional<std::string> url;
  static constexpr auto fields() {
    using namespace json;
    using V = ActionView;
    return std::tuple{field("type", &V::type, Unbounded{}, "the provider's word"),
                      field("client_secret", &V::client_secret, Unbounded{},
                            "for the provider's script in the payer's browser"),
                      field("url", &V::url, Unbounded{}, "where to send the payer")};
  }
};

struct ActionAnswerView {
  static constexpr std::string_view schema_name = "PayerAction";
  std::string status;
  std::optional<ActionView> action;
  static constexpr auto fields() {
    using namespace json;
    using V = ActionAnswerView;
    return std::tuple{field("status", &V::status, Unbounded{}, "of the payment"),
                      field("action", &V::action, Unbounded{}, "null: nothing to do")};
  }
};

void answer(const Reply& reply, const Payment& payment, const std::optional<PayerAction>& action) {
  ActionAnswerView view{std::string(json::name_of(payment.status)), std::nullopt};
  if (action)
    view.action = ActionView{action->type, action->client_secret,
                             action->url.empty() ? std::nullopt : std::optional(action->url)};
  auto response = http::json_response(200, json::to_json(view));
  response.headers.emplace_back("Cache-Control", "no-store");
  reply(std::move(response));
}

void ask(PaymentProvider& provider, const RequestPtr& request, const Reply& reply,
         const std::shared_ptr<const Payment>& payment) {
  // Only while the payer can still do something about it.
  if (payment->status != Status::requested || payment->closing)
    return answer(reply, *payment, std::nullopt);
  provider.payer_action(
      {.operation = Operation::authorize,
       .provider = payment->request.provider,
       .payment_id = payment->id,
       .order_id = payment->request.order_id,
       .key = payment->id,
       .amount = payment->request.amount,
       .token = payment->request.token,
       .capture = payment->request.capture,
       .reference = payment->reference},
      [request, reply, payment](const Result<std::optional<PayerAction>>& action) {
        if (!action) return reply(http::problem(action.error(), *request));
        answer(reply, *payment, *action);
      });
}

void show(Readers& readers, PaymentProvider& provider, const MayPay& may_pay,
          const RequestPtr& request, const Reply& reply) {
  const bool is_taken = readers.submit(
      [&provider, &may_pay, request, reply](Store store) {
        const auto& id = request->param("id");
        auto found = PaymentId::parse(id) ? fold_payment(store.log, id) : std::nullopt;
        // As if it did not exist: a stranger learns nothing.
        if (!found || !may_pay(*request, found->request.order_id))
          return reply(http::problem(
              {ErrorKind::not_found, "payment_not_found", "There is no such payment."}, *request));
        ask(provider, request, reply, std::make_shared<const Payment>(std::move(*found)));
      },
      [request, reply] { reply(http::problem(internal_error(), *request)); });
  if (!is_taken) reply(http::problem(overloaded(), *request));
}

}  // namespace

void add_payer_action_route(http::Router& router, Readers& readers, PaymentProvider& provider,
                            MayPay may_pay) {
  router.add(
      {.method = "GET",
       .path = "/v1/payments/{id}/action",
       .access = http::Access::publishable,
       .summary = "What a payment waits for from its payer, as for 3-D Secure",
       .tag = "Payments",
       .handler = [&readers, &provider, may_pay = std::move(may_pay)](
                      const RequestPtr& request,
                      const Reply& reply) { show(readers, provider, may_pay, request, reply); },
       .answer = http::schema_of<ActionAnswerView>()});
}

}  // namespace stoa::payment
