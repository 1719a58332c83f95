#include "simulation/provider.hpp"

#include <memory>

#include "services/payment/application/webhook_signature.hpp"
#include "services/payment/infrastructure/simulator.hpp"

namespace stoa::simulation {

using namespace std::chrono_literals;
using payment::Operation;
using payment::Outcome;
using payment::ProviderAnswer;
using payment::ProviderRequest;

void Provider::call(ProviderRequest request, Answer answer) {
  world_.step("before a call of the provider");
  if (world_.is_dead()) return;
  world_.trace("provider asked to " + std::string(json::name_of(request.operation)) + " " +
               request.key);
  auto& random = world_.random;
  Duration travel = std::chrono::microseconds(random.between(200, 20'000));
  if (world_.happens(world_.faults.provider_late))
    travel = std::chrono::milliseconds(random.between(100, 15'000));
  if (world_.happens(world_.faults.provider_lost)) return;
  const auto life = world_.life();
  auto to_life = [this, life, answer = std::move(answer)](const ProviderAnswer& said) {
    if (world_.life() == life && !world_.is_dead()) answer(said);
  };
  world_.after(travel, [this, request = std::move(request), to_life] { arrive(request, to_life); });
}

void Provider::arrive(const ProviderRequest& request, const Answer& answer) {
  auto& random = world_.random;
  const auto& faults = world_.faults;
  auto said = decide(request);
  if (world_.happens(faults.provider_silent) || !said) return;
  // What it did is done; what it says may help nobody.
  if (world_.happens(faults.provider_vague))
    said =
        ProviderAnswer{request.operation == Operation::find && random.chance(30) ? Outcome::pending
                                                                                 : Outcome::unknown,
                       {},
                       "",
                       ""};
  world_.trace("provider says " + std::string(json::name_of(said->outcome)) + " to " + request.key);
  Duration travel = std::chrono::microseconds(random.between(200, 20'000));
  if (request.token == "tok_slow") travel += 2s;
  if (world_.happens(faults.provider_late))
    travel += std::chrono::milliseconds(random.between(100, 15'000));
  world_.after(travel, [answer, said = *said] { answer(said); });
  if (!world_.happens(faults.provider_twice)) return;
  travel += std::chrono::milliseconds(random.between(0, 20'000));
  world_.after(travel, [answer, said = *said] { answer(said); });
}

std::optional<ProviderAnswer> Provider::decide(const ProviderRequest& request) {
  switch (request.operation) {
    case Operation::authorize:
      return authorize(request);
    case Operation::find: {
      const auto* found = find(request.key);
      return found != nullptr ? answer_of(*found) : ProviderAnswer{Outcome::not_found, {}, "", ""};
    }
    case Operation::capture:
    case Operation::void_payment:
    case Operation::refund:
      break;
  }
  if (find(request.key) == nullptr && world_.happens(world_.faults.provider_refuses)) {
    // The refusal of a refund that a person asked for stands under its key, as everything final.
    if (request.key.starts_with("ref_"))
      return record(request, request.key, "refusal", request.amount, "not_now");
    return ProviderAnswer{Outcome::declined, {}, "", "not_now"};
  }
  return move_money(request);
}

std::optional<ProviderAnswer> Provider::authorize(const ProviderRequest& request) {
  const auto& token = request.token;
  if (const auto* found = find(request.key)) {
    if (found->kind != "attempt") return answer_of(*found);
    if (world_.true_now() - found->at < 20s) return std::nullopt;
    return record(request, request.key + "#final", "refusal", request.amount,
                  "payment_unavailable");
  }
  const std::string kind = request.capture ? "capture" : "authorization";
  if (token == "tok_timeout_then_nothing") {
    record(request, request.key, "attempt", request.amount);
    return std::nullopt;
  }
  if (token == "tok_declined" || token == "tok_insufficient_funds" || token == "tok_expired_card")
    return record(request, request.key, "refusal", request.amount, token.substr(4));
  if (token == "tok_late_webhook")
    return record(request, request.key, kind, request.amount, "", world_.true_now() + 5s);
  if (token == "tok_wrong_amount") {
    const Money other(request.amount.amount() + 100, request.amount.currency());
    return record(request, request.key, kind, other);
  }
  auto made = record(request, request.key, kind, request.amount);
  if (token == "tok_timeout_then_success") return std::nullopt;
  return made;
}

ProviderAnswer Provider::move_money(const ProviderRequest& request) {
  if (const auto* found = find(request.key)) return answer_of(*found);
  const auto captured = sum(request.payment_id, "capture");
  if (request.operation == Operation::refund) {
    if (request.amount.amount() > captured - sum(request.payment_id, "refund"))
      return {Outcome::declined, {}, "", "refund_too_large"};
    return record(request, request.key, "refund", request.amount);
  }
  const auto held = sum(request.payment_id, "authorization");
  const Money took(captured > 0 ? captured : held, request.amount.currency());
  if (captured > 0) return {Outcome::captured, took, request.payment_id, ""};
  const bool is_void = request.operation == Operation::void_payment;
  const bool voided = sum(request.payment_id, "void") > 0;
  if (held == 0 || (voided && !is_void)) return {Outcome::declined, {}, "", "nothing_held"};
  return record(request, request.key, is_void ? "void" : "capture", took);
}

ProviderAnswer Provider::answer_of(const Entry& entry) const {
  const auto reference = "sim_" + std::to_string(by_key_.at(entry.key) + 1);
  if (entry.told_at && *entry.told_at > world_.true_now()) return {Outcome::pending, {}, "", ""};
  if (entry.kind == "capture") return {Outcome::captured, entry.amount, reference, ""};
  if (entry.kind == "authorization") return {Outcome::authorized, entry.amount, reference, ""};
  if (entry.kind == "void") return {Outcome::voided, entry.amount, reference, ""};
  if (entry.kind == "refund") return {Outcome::refunded, entry.amount, reference, ""};
  if (entry.kind == "refusal") return {Outcome::declined, entry.amount, "", entry.code};
  return {Outcome::not_found, {}, "", ""};
}

ProviderAnswer Provider::record(const ProviderRequest& request, const std::string& key,
                                const std::string& kind, const Money& amount,
                                const std::string& code, std::optional<Timestamp> told_at) {
  const auto at = ledger_.size();
  by_key_[key] = at;
  ledger_.push_back({key, request.payment_id, kind, code, amount, world_.true_now(), told_at});
  report_perhaps(at, request.token);
  return answer_of(ledger_[at]);
}

const Provider::Entry* Provider::find(const std::string& key) const {
  auto at = by_key_.find(key + "#final");
  if (at == by_key_.end()) at = by_key_.find(key);
  return at == by_key_.end() ? nullptr : &ledger_[at->second];
}

std::int64_t Provider::sum(const std::string& payment_id, std::string_view kind) const {
  std::int64_t sum = 0;
  for (const auto& entry : ledger_)
    if (entry.payment_id == payment_id && entry.kind == kind) sum += entry.amount.amount();
  return sum;
}

void Provider::report_perhaps(std::size_t at, const std::string& token) {
  const auto& entry = ledger_[at];
  auto& random = world_.random;
  if (entry.kind == "attempt" || entry.kind == "void" || entry.kind == "refund") return;
  if (entry.told_at) return report(at, 5s + std::chrono::milliseconds(random.between(1, 500)), 0);
  int times = token == "tok_duplicate_webhook" ? 2 : 0;
  if (world_.happens(world_.faults.webhook)) times += static_cast<int>(random.between(1, 3));
  for (; times > 0; --times)
    report(at,
           std::chrono::milliseconds(random.chance(50) ? random.between(0, 50)
                                                       : random.between(0, 60'000)),
           0);
}

void Provider::report(std::size_t at, Duration delay, int tries) {
  constexpr int tries_max = 200;
  if (tries == 0) ++reports_open_;
  world_.after(delay, [this, at, tries] {
    if (tries >= tries_max) {
      --reports_open_;
      return;
    }
    const auto& entry = ledger_[at];
    const auto reference = "sim_" + std::to_string(at + 1);
    auto answer = answer_of(entry);
    // Some providers only hint that there is news.
    if (world_.happens(world_.faults.provider_vague)) answer = {Outcome::pending, {}, "", ""};
    answer.amount = entry.amount;
    const auto body = payment::write_simulator_webhook(
        {.event_id = "evt_" + reference + std::string(json::name_of(answer.outcome)),
         .type = "payment." + std::string(json::name_of(answer.outcome)),
         .payment_id = entry.payment_id,
         .order_id = {},
         .reference = {},
         .key = {},
         .answer = answer});
    const auto signature = payment::sign_webhook(crypto_, webhook_secret, world_.true_now(), body);
    // A shop that dies before it answers has not taken it.
    const auto is_answered = std::make_shared<bool>(false);
    const auto again = [this, at, tries, is_answered] {
      if (*is_answered) return;
      *is_answered = true;
      report(at, 1s, tries + 1);
    };
    world_.after(5s, again);
    deliver(signature, body, [this, is_answered, again](bool is_taken) {
      if (world_.is_dead() || *is_answered) return;
      if (!is_taken) return again();
      *is_answered = true;
      --reports_open_;
    });
  });
}

void Provider::write_ledger(sql::Connection& ledger) const {
  std::int64_t seq = 0;
  for (const auto& entry : ledger_)
    ledger.execute(
        "INSERT INTO sim_ledger(seq, key, payment_id, kind, amount, currency, code, at)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        ++seq, entry.key, entry.payment_id, entry.kind, entry.amount.amount(),
        entry.amount.currency().code(), entry.code, to_unix_microseconds(entry.at));
}

}  // namespace stoa::simulation
