#include "services/notification/infrastructure/mail_carrier.hpp"

#include "kernel/base/text.hpp"

namespace stoa::notification {
namespace {

class MailCarrier final : public Carrier {
 public:
  MailCarrier(std::unique_ptr<mail::Relay> relay, mail::Mailbox from)
      : relay_(std::move(relay)), from_(std::move(from)) {}

  CarrierAnswer send(const Letter& letter) override {
    const auto to = mail::parse_mailbox(letter.to);
    if (!to || to->address != letter.to)
      return {TryOutcome::refused, true, "wrong_address", "This is no mail address.", {}};
    mail::Message message;
    message.message_id = letter.key + "@" + std::string(from_.domain());
    message.date = letter.date;
    message.from = from_;
    // A name is decoration: one that is not fit for a header is left out.
    message.to = {has_control_characters(letter.to_name, false) ? "" : letter.to_name, letter.to};
    message.subject = letter.text.subject;
    message.text = letter.text.text;
    message.html = letter.text.html;
    message.language = letter.language;
    const auto text = mail::to_rfc5322(message);
    if (!text) return {TryOutcome::refused, true, text.error().code, text.error().detail, {}};
    return answer_of(relay_->send({from_.address, letter.to, *text}), message.message_id);
  }
  void interrupt() override { relay_->interrupt(); }

 private:
  static CarrierAnswer answer_of(mail::RelayAnswer answer, const std::string& message_id) {
    using mail::Outcome;
    const auto code =
        answer.reply_code >= 400 ? "smtp_" + std::to_string(answer.reply_code) : "smtp_unreachable";
    switch (answer.outcome) {
      case Outcome::accepted:
        return {TryOutcome::accepted, true, "", "", message_id};
      case Outcome::refused:
        return {TryOutcome::refused, true, code, std::move(answer.detail), ""};
      case Outcome::deferred:
        return {TryOutcome::failed, true, code, std::move(answer.detail), ""};
      case Outcome::unreachable:
        break;
    }
    return {TryOutcome::failed, false, code, std::move(answer.detail), ""};
  }

  std::unique_ptr<mail::Relay> relay_;
  mail::Mailbox from_;
};

}  // namespace

std::unique_ptr<Carrier> make_mail_carrier(std::unique_ptr<mail::Relay> relay, mail::Mailbox from) {
  return std::make_unique<MailCarrier>(std::move(relay), std::move(from));
}

}  // namespace stoa::notification
