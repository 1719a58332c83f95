#include "simulation/mail.hpp"

#include "kernel/mail/message.hpp"
#include "kernel/mail/relay.hpp"
#include "services/notification/infrastructure/mail_carrier.hpp"

namespace stoa::simulation {
namespace {

using notification::TryOutcome;

class Relay final : public mail::Relay {
 public:
  explicit Relay(Post& post) : post_(post) {}

  mail::RelayAnswer send(const mail::Envelope& envelope) override {
    constexpr std::string_view header = "Message-ID: <";
    const auto at = envelope.text.find(header);
    STOA_ASSERT(at != std::string::npos);
    const auto from = at + header.size();
    switch (post_.hand_over(envelope.text.substr(from, envelope.text.find('@', from) - from))) {
      case Post::Said::accepted:
        return {mail::Outcome::accepted, 250, "Taken."};
      case Post::Said::refused:
        return {mail::Outcome::refused, 550, "Never."};
      case Post::Said::deferred:
        return {mail::Outcome::deferred, 451, "Not now."};
      case Post::Said::nothing:
        break;
    }
    return {mail::Outcome::unreachable, 0, "No answer."};
  }
  void interrupt() override {}

 private:
  Post& post_;
};

class SmsCarrier final : public notification::Carrier {
 public:
  explicit SmsCarrier(Post& post) : post_(post) {}

  notification::CarrierAnswer send(const notification::Letter& letter) override {
    switch (post_.hand_over(letter.key)) {
      case Post::Said::accepted:
        return {TryOutcome::accepted, true, "", "", letter.key};
      case Post::Said::refused:
        return {TryOutcome::refused, true, "sms_refused", "Never.", ""};
      case Post::Said::deferred:
        return {TryOutcome::failed, true, "sms_busy", "Not now.", ""};
      case Post::Said::nothing:
        break;
    }
    return {TryOutcome::failed, false, "sms_unreachable", "No answer.", ""};
  }
  void interrupt() override {}

 private:
  Post& post_;
};

}  // namespace

Post::Said Post::hand_over(const std::string& key) {
  world_.step("before a mail");
  if (world_.is_dead()) return Said::nothing;
  const auto& faults = world_.faults;
  if (world_.happens(faults.mail_fails))
    return world_.random.chance(50) ? Said::deferred : Said::nothing;
  if (!taken_.contains(key) && world_.happens(faults.mail_fails / 10)) {
    refused_.insert(key);
    return Said::refused;
  }
  auto& taken = taken_[key];
  ++taken.times;
  world_.trace("mail taken: " + key);
  const bool is_lost = world_.happens(faults.mail_answer_lost);
  if (is_lost) ++taken.unanswered;
  return is_lost ? Said::nothing : Said::accepted;
}

notification::MakeCarrier Post::mail_carrier() {
  return [this] {
    return notification::make_mail_carrier(std::make_unique<Relay>(*this),
                                           *mail::parse_mailbox("Shop <shop@example.com>"));
  };
}

notification::MakeCarrier Post::sms_carrier() {
  return [this] { return std::make_unique<SmsCarrier>(*this); };
}

}  // namespace stoa::simulation
