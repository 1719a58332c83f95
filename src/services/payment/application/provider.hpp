#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kernel/base/result.hpp"
#include "kernel/json/codec.hpp"

namespace stoa::payment {

/// `find` tells what became of the request with a key, and moves no money.
BOOST_DEFINE_ENUM_CLASS(Operation, authorize, capture, void_payment, refund, find)
/// `pending`: it will tell by a report. `not_found` is not final: a request may still land.
/// `unknown`: the provider could not say.
BOOST_DEFINE_ENUM_CLASS(Outcome, authorized, captured, voided, refunded, declined, pending,
                        not_found, unknown)

/// The keys: the payment's id to authorize, `<payment>-capture`, `<payment>-void`, a refund's id.
struct ProviderRequest {
  Operation operation = Operation::authorize;
  Operation sought = Operation::authorize;  ///< of find: the operation that the key is of
  std::string provider;                     ///< its name, as in the order
  std::string payment_id;
  std::string order_id;
  std::string key;  ///< the provider's idempotency key: the same key never moves money twice
  Money amount;
  std::string token;
  bool capture = true;    ///< of authorize: take the money at once
  bool closing = false;   ///< nobody wants the payment any more: end what still waits for a person
  std::string reference;  ///< the provider's, once it held or took something
};

struct ProviderAnswer {
  Outcome outcome = Outcome::pending;
  Money amount;
  std::string reference;
  std::string code;  ///< of declined
};

/// What a provider tells by itself, with a webhook. Reports come late, doubled and out of order.
struct ProviderReport {
  std::string event_id;    ///< the provider's: a repeat has the same
  std::string type;        ///< the provider's word for it
  std::string payment_id;  ///< ours, if the provider knows it
  std::string order_id;    ///< the same
  std::string reference;   ///< the provider's of the payment; empty: do not compare it
  std::string key;         ///< of the refund that it is about; empty: the payment itself
  /// Only what cannot become untrue by a later event; `pending`: ask for it, now.
  ProviderAnswer answer;
};

/// What a pending payment waits for from its payer, as for 3-D Secure. Never stored, never logged:
/// who has it can act on the payment.
struct PayerAction {
  std::string type;           ///< the provider's word
  std::string client_secret;  ///< for the provider's own script in the payer's browser
  std::string url;            ///< where to send the payer; may be empty
};

/// A payment provider. A call may be answered late or never: the caller has the deadline. Answers
/// come on threads of the provider's. Of a void and a capture that race one wins: the void of what
/// was captured answers `captured` with what was taken.
class PaymentProvider {
 public:
  virtual ~PaymentProvider() = default;
  virtual void call(ProviderRequest request, std::function<void(ProviderAnswer)> answer) = 0;

  using ActionAnswer = std::function<void(Result<std::optional<PayerAction>>)>;
  /// What the payment that `request` authorizes waits for; nothing when its payer has nothing to
  /// do. `answer` is called once, on a thread of the provider's or the caller's;
  /// `provider_unavailable` when the provider cannot say.
  virtual void payer_action(ProviderRequest request, ActionAnswer answer) = 0;
};

}  // namespace stoa::payment
