#include "services/payment/infrastructure/stripe_api.hpp"

#include "kernel/base/text.hpp"

namespace stoa::payment::stripe {
namespace {

constexpr int refusals_followed_max = 8;

}  // namespace

std::optional<Answer> Api::get(const std::string& path, const Form& query) const {
  http::OutboundRequest request;
  request.url = options_.base_url + path;
  if (!query.empty()) request.url.append("?").append(encode(query));
  return send(std::move(request));
}

std::optional<Answer> Api::post(const std::string& path, const Form& form,
                                const std::string& key) const {
  http::OutboundRequest request;
  request.method = "POST";
  request.url = options_.base_url + path;
  request.headers = {{"Idempotency-Key", key},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = encode(form);
  return send(std::move(request));
}

std::optional<Answer> Api::post_again(Effect effect, const std::string& path, const Form& form,
                                      const std::string& key) const {
  auto used = key;
  for (int followed = 0; followed < refusals_followed_max; ++followed) {
    auto answer = post(path, form, used);
    if (!answer || !answer->replayed || answer->original_request.empty()) return answer;
    const bool is_failure = effect == Effect::once && answer->status >= 500;
    if (!answer->is_refusal() && !is_failure) return answer;
    used = key + "-after-" + answer->original_request;
  }
  return std::nullopt;
}

std::optional<Intent> Api::retrieve(const std::string& intent_id) const {
  const auto answer = get("/v1/payment_intents/" + percent_encode(intent_id));
  return answer && answer->is_good() ? read_intent(answer->body) : std::nullopt;
}

std::optional<Answer> Api::send(http::OutboundRequest request) const {
  request.timeout = options_.timeout;
  request.headers.emplace_back("Authorization", "Bearer " + options_.secret_key);
  request.headers.emplace_back("Stripe-Version", std::string(api_version));
  const auto response = http_.send(request);
  if (!response) {
    // What a person must mend; an outage shows as missed answers.
    if (response.error().code == "certificate_refused") warn_("Stripe: " + response.error().detail);
    return std::nullopt;
  }
  Answer answer{.status = response->status,
                .replayed = response->header("idempotent-replayed") == "true",
                .original_request = std::string(response->header("original-request")),
                .body = {}};
  auto body = json::parse(response->body);
  if (!body && (answer.is_good() || answer.is_refusal())) {
    warn_("Stripe: an answer is no JSON, request " + std::string(response->header("request-id")));
    return std::nullopt;
  }
  if (body) answer.body = std::move(*body);
  tell_of(*response, answer);
  return answer;
}

/// Neither Stripe's message nor its parameters: they may hold what a customer typed.
void Api::tell_of(const http::OutboundResponse& response, const Answer& answer) const {
  const bool is_decline = answer.status == 402;
  if (answer.is_good() || is_decline || answer.status >= 500 || answer.status == 404) return;
  const auto error = read_error(answer.body);
  warn_("Stripe refused a request with status " + std::to_string(answer.status) + ": " +
        (error.type.empty() ? "without a type" : error.type) + " " + error.code + ", request " +
        std::string(response.header("request-id")));
}

}  // namespace stoa::payment::stripe
