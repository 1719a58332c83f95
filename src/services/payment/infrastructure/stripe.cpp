#include "services/payment/infrastructure/stripe.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel/base/text.hpp"
#include "services/payment/infrastructure/stripe_api.hpp"

namespace stoa::payment {
namespace {

using stripe::Intent;
using stripe::RefundObject;

/// More wait only when something is very wrong; they stay without an answer.
constexpr std::size_t calls_max = 10'000;

const ProviderAnswer unknown{Outcome::unknown, {}, "", ""};
const ProviderAnswer pending{Outcome::pending, {}, "", ""};
const ProviderAnswer not_found{Outcome::not_found, {}, "", ""};

ProviderAnswer declined(std::string code) { return {Outcome::declined, {}, "", std::move(code)}; }

/// Nothing: Stripe said nothing that can be relied on, and the caller's deadline runs.
using MaybeAnswer = std::optional<ProviderAnswer>;

std::string path_of(const std::string& intent_id, std::string_view action) {
  return "/v1/payment_intents/" + percent_encode(intent_id) + std::string(action);
}

class TheStripe final : public Stripe {
 public:
  TheStripe(http::Client& http, StripeOptions options, std::function<void(const std::string&)> warn)
      : options_(std::move(options)), warn_(std::move(warn)), api_(http, options_, warn_) {
    for (int i = 0; i < options_.connections; ++i) threads_.emplace_back([this] { work(); });
  }
  ~TheStripe() override { stop(); }

  void call(ProviderRequest request, std::function<void(ProviderAnswer)> answer) override {
    static_cast<void>(add([this, request = std::move(request), answer = std::move(answer)] {
      if (const auto said = serve(request)) answer(*said);
    }));
  }
  void payer_action(ProviderRequest request, ActionAnswer answer) override {
    const bool is_taken =
        add([this, request = std::move(request), answer] { answer(action_of(request)); });
    if (!is_taken) answer(fail(overloaded()));
  }
  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }

 private:
  using Call = std::function<void()>;

  [[nodiscard]] bool add(Call call) {
    {
      const std::lock_guard lock(mutex_);
      if (calls_.size() >= calls_max) return false;
      calls_.push_back(std::move(call));
    }
    wake_.notify_one();
    return true;
  }

  void work() {
    for (;;) {
      Call call;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
        if (stopping_) return;
        call = std::move(calls_.front());
        calls_.pop_front();
      }
      call();
    }
  }

  MaybeAnswer serve(const ProviderRequest& request) const {
    switch (request.operation) {
      case Operation::authorize:
        return authorize(request);
      case Operation::capture:
        return capture(request);
      case Operation::void_payment:
        return void_payment(request);
      case Operation::refund:
        return refund(request);
      case Operation::find:
        return request.sought == Operation::refund ? find_refund(request) : find_intent(request);
    }
    return std::nullopt;
  }

  /// Made and confirmed at once; for a closing payment neither confirmed nor given a method, so
  /// that it takes the key of the request and no money: the request cannot land any more.
  [[nodiscard]] std::optional<stripe::Answer> make_intent(const ProviderRequest& request,
                                                          std::int64_t amount,
                                                          bool is_confirmed) const {
    stripe::Form form{{"amount", std::to_string(amount)},
                      {"currency", ascii_lower(request.amount.currency().code())},
                      {"capture_method", request.capture ? "automatic" : "manual"},
                      {"automatic_payment_methods[enabled]", "true"},
                      {"automatic_payment_methods[allow_redirects]", "never"},
                      {"metadata[stoa_payment_id]", request.payment_id},
                      {"metadata[stoa_order_id]", request.order_id}};
    if (is_confirmed) {
      form.emplace_back("payment_method", request.token);
      form.emplace_back("confirm", "true");
    }
    return api_.post("/v1/payment_intents", form, request.key);
  }

  static bool is_key_misused(const stripe::Answer& answer) {
    return !answer.is_good() && stripe::read_error(answer.body).type == "idempotency_error";
  }

  MaybeAnswer authorize(const ProviderRequest& request) const {
    const auto amount = stripe::to_stripe_amount(request.amount);
    if (!amount) return declined("amount_not_supported");
    auto answer = make_intent(request, *amount, !request.closing);
    // The request did land, and Stripe repeats what became of it.
    if (request.closing && answer && is_key_misused(*answer))
      answer = make_intent(request, *amount, true);
    if (!answer) return std::nullopt;
    auto intent = answer->is_good() ? stripe::read_intent(answer->body)
                                    : stripe::read_error(answer->body).intent;
    if (intent && answer->replayed) intent = api_.retrieve(intent->id);  // it has moved on since
    if (intent) return judge(request, *intent);
    if (answer->is_good()) return std::nullopt;
    if (is_key_misused(*answer)) return unknown;  // there is an intent: the search will find it
    if (answer->is_refusal()) return declined(stripe::read_error(answer->body).decline_code);
    if (answer->status == 401 || answer->status == 403) return unknown;
    // A day long this key gives no other answer. Nobody waits for the money any more, and if it was
    // taken against all that Stripe tells, its webhook says so and it is given back.
    const bool is_hopeless = answer->status >= 500 && answer->replayed && request.closing;
    return is_hopeless ? MaybeAnswer(declined("payment_unavailable")) : std::nullopt;
  }

  /// By the key of the request, for the search would lag behind a payer who waits.
  [[nodiscard]] Result<std::optional<PayerAction>> action_of(const ProviderRequest& request) const {
    const auto amount = stripe::to_stripe_amount(request.amount);
    if (!amount) return std::nullopt;
    const auto answer = make_intent(request, *amount, true);
    auto intent = answer && answer->is_good() ? stripe::read_intent(answer->body) : std::nullopt;
    if (intent) intent = api_.retrieve(intent->id);
    if (answer && answer->is_refusal()) return std::nullopt;
    if (!intent)
      return fail(ErrorKind::unavailable, "provider_unavailable",
                  "The payment provider cannot say now: try again shortly.");
    if (intent->status != "requires_action" || intent->action.type.empty()) return std::nullopt;
    return intent->action;
  }

  /// What an intent is worth to us. What waits for a person is ended when the payment is closing,
  /// and after a decline, so that nothing can be paid later.
  MaybeAnswer judge(const ProviderRequest& request, const Intent& intent,
                    bool may_cancel = true) const {
    if (intent.status == "succeeded")
      return holding(request, Outcome::captured, intent.amount_received, intent);
    if (intent.status == "requires_capture")
      return holding(request, Outcome::authorized, intent.amount_capturable, intent);
    const auto code = intent.error_code.empty() ? "payment_canceled" : intent.error_code;
    if (intent.status == "canceled")
      return request.closing ? ProviderAnswer{Outcome::voided, {}, intent.id, ""} : declined(code);
    const bool is_declined = intent.status == "requires_payment_method";
    if (intent.status == "processing" || !(is_declined || request.closing)) return pending;
    if (may_cancel) {
      const auto answer =
          api_.post_again(stripe::Api::Effect::once, path_of(intent.id, "/cancel"),
                          {{"cancellation_reason", "abandoned"}}, request.payment_id + "-abandon");
      if (!answer) return std::nullopt;
      if (const auto now = api_.retrieve(intent.id)) return judge(request, *now, false);
      return std::nullopt;
    }
    return is_declined ? declined(intent.error_code.empty() ? "payment_declined" : code) : pending;
  }

  MaybeAnswer holding(const ProviderRequest& request, Outcome outcome, std::int64_t amount,
                      const Intent& intent) const {
    const auto money = stripe::from_stripe_amount(amount, intent.currency);
    if (money && money->currency() == request.amount.currency())
      return ProviderAnswer{outcome, *money, intent.id, ""};
    warn_("Stripe: the amount of " + intent.id + " is not understood");
    return unknown;
  }

  MaybeAnswer capture(const ProviderRequest& request) const {
    const auto answer = api_.post_again(stripe::Api::Effect::once,
                                        path_of(request.reference, "/capture"), {}, request.key);
    if (!answer) return std::nullopt;
    const auto intent = api_.retrieve(request.reference);
    if (!intent) return std::nullopt;
    if (intent->status == "succeeded")
      return holding(request, Outcome::captured, intent->amount_received, *intent);
    return no_of(*answer, "nothing_held");
  }

  MaybeAnswer void_payment(const ProviderRequest& request) const {
    const auto answer =
        api_.post_again(stripe::Api::Effect::once, path_of(request.reference, "/cancel"),
                        {{"cancellation_reason", "abandoned"}}, request.key);
    if (!answer) return std::nullopt;
    const auto intent = api_.retrieve(request.reference);
    if (!intent) return std::nullopt;
    if (intent->status == "canceled") return ProviderAnswer{Outcome::voided, {}, intent->id, ""};
    if (intent->status == "succeeded")
      return holding(request, Outcome::captured, intent->amount_received, *intent);
    return no_of(*answer, "not_voided");
  }

  /// A refusal is tried again later; what is not one is not known.
  static MaybeAnswer no_of(const stripe::Answer& answer, const std::string& code) {
    if (answer.is_refusal() && !is_key_misused(answer)) return declined(code);
    return answer.status >= 500 ? MaybeAnswer() : unknown;
  }

  MaybeAnswer refund(const ProviderRequest& request) const {
    const auto amount = stripe::to_stripe_amount(request.amount);
    if (!amount) return declined("amount_not_supported");
    const auto answer = api_.post_again(stripe::Api::Effect::each_time, "/v1/refunds",
                                        {{"payment_intent", request.reference},
                                         {"amount", std::to_string(*amount)},
                                         {"metadata[stoa_refund_id]", request.key},
                                         {"metadata[stoa_payment_id]", request.payment_id}},
                                        request.key);
    if (!answer) return std::nullopt;
    if (!answer->is_good()) return no_of(*answer, "refund_refused");
    const auto made = stripe::read_refund(answer->body);
    if (!made) return std::nullopt;
    return answer->replayed ? find_refund(request) : judge_refund(*made);
  }

  static ProviderAnswer judge_refund(const RefundObject& refund) {
    if (refund.status == "succeeded") {
      const auto amount = stripe::from_stripe_amount(refund.amount, refund.currency);
      return {Outcome::refunded, amount.value_or(Money()), refund.id, ""};
    }
    if (refund.status == "failed" || refund.status == "canceled")
      return declined(refund.failure_reason.empty() ? "refund_failed" : refund.failure_reason);
    return pending;
  }

  /// Among the refunds of the intent, which Stripe lists as they are: its search would lag.
  MaybeAnswer find_refund(const ProviderRequest& request) const {
    constexpr int pages_max = 20;
    std::string after;
    for (int page = 0; page < pages_max; ++page) {
      stripe::Form query{{"payment_intent", request.reference}, {"limit", "100"}};
      if (!after.empty()) query.emplace_back("starting_after", after);
      const auto answer = api_.get("/v1/refunds", query);
      if (!answer || !answer->is_good()) return std::nullopt;
      const auto refunds = objects_of(*answer);
      for (const auto& value : refunds) {
        const auto refund = stripe::read_refund(value);
        if (!refund) return std::nullopt;
        if (refund->refund_id == request.key) return judge_refund(*refund);
        after = refund->id;
      }
      if (refunds.empty() || !has_more(*answer)) return not_found;
    }
    return unknown;
  }

  MaybeAnswer find_intent(const ProviderRequest& request) const {
    const auto intent =
        request.reference.empty() ? search(request) : api_.retrieve(request.reference);
    if (!intent) return std::nullopt;
    if (intent->id.empty()) return not_found;
    if (request.sought == Operation::authorize) return judge(request, *intent);
    if (intent->status == "succeeded")
      return holding(request, Outcome::captured, intent->amount_received, *intent);
    if (intent->status != "canceled") return not_found;
    if (request.sought == Operation::capture) return declined("nothing_held");
    return ProviderAnswer{Outcome::voided, {}, intent->id, ""};
  }

  /// The intent of a payment; with an empty id when the search knows none, which lags behind.
  [[nodiscard]] std::optional<Intent> search(const ProviderRequest& request) const {
    const auto answer = api_.get(
        "/v1/payment_intents/search",
        {{"query", "metadata['stoa_payment_id']:'" + request.payment_id + "'"}, {"limit", "10"}});
    if (!answer || !answer->is_good()) return std::nullopt;
    std::vector<Intent> found;
    for (const auto& value : objects_of(*answer)) {
      auto intent = stripe::read_intent(value);
      if (!intent) return std::nullopt;
      if (intent->payment_id == request.payment_id) found.push_back(std::move(*intent));
    }
    if (found.empty()) return Intent{};
    if (found.size() > 1) warn_("Stripe has several payment intents for " + request.payment_id);
    const auto holds = [](const Intent& intent) {
      return intent.status == "succeeded" || intent.status == "requires_capture";
    };
    const auto best = std::find_if(found.begin(), found.end(), holds);
    // As it is now, not as it was when it was indexed.
    return api_.retrieve(best == found.end() ? found.front().id : best->id);
  }

  static json::Array objects_of(const stripe::Answer& answer) {
    const auto* object = answer.body.if_object();
    const auto* data = object != nullptr ? object->if_contains("data") : nullptr;
    const auto* array = data != nullptr ? data->if_array() : nullptr;
    return array != nullptr ? *array : json::Array();
  }
  static bool has_more(const stripe::Answer& answer) {
    const auto* object = answer.body.if_object();
    const auto* more = object != nullptr ? object->if_contains("has_more") : nullptr;
    return more != nullptr && more->is_bool() && more->as_bool();
  }

  const StripeOptions options_;
  const std::function<void(const std::string&)> warn_;
  const stripe::Api api_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Call> calls_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Stripe> make_stripe(http::Client& http, StripeOptions options,
                                    std::function<void(const std::string&)> warn) {
  return std::make_unique<TheStripe>(http, std::move(options), std::move(warn));
}

}  // namespace stoa::payment
