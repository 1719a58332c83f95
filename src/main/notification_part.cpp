#include "main/notification_part.hpp"

#include "platform/curl/http_client.hpp"
#include "platform/curl/smtp.hpp"
#include "services/notification/infrastructure/mail_carrier.hpp"
#include "services/notification/infrastructure/twilio_carrier.hpp"
#include "services/ordering/module.hpp"

namespace stoa {
namespace {

namespace note = notification;

class OrderSource final : public note::OrderSource {
 public:
  OrderSource(Readers& readers, const Crypto& crypto) : readers_(readers), crypto_(crypto) {}

  void read(std::vector<std::string> order_ids,
            std::function<void(std::optional<Found>)> then) override {
    const auto query = [this, ids = std::move(order_ids), then](Store store) {
      Found found;
      for (const auto& id : ids) {
        if (found.contains(id)) continue;
        if (auto facts = ordering::order_facts(store, crypto_, id))
          found.emplace(id, std::move(*facts));
      }
      then(std::move(found));
    };
    if (!readers_.submit(query, [then] { then(std::nullopt); })) then(std::nullopt);
  }

 private:
  Readers& readers_;
  const Crypto& crypto_;
};

}  // namespace

curl::SmtpOptions smtp_options(const Configuration& configuration) {
  using Security = curl::SmtpOptions::Security;
  curl::SmtpOptions options;
  options.host = configuration.text("Smtp:Host");
  options.port = static_cast<std::uint16_t>(configuration.integer("Smtp:Port"));
  options.user_name = configuration.text("Smtp:UserName");
  options.password = configuration.text("Smtp:Password");
  options.ca_file = configuration.text("Smtp:CaFile");
  const auto& security = configuration.text("Smtp:Security");
  if (security == "none") options.security = Security::none;
  if (security == "starttls") options.security = Security::starttls;
  if (security == "tls") options.security = Security::tls;
  return options;
}

note::NotificationOptions notification_options(const Configuration& configuration) {
  note::NotificationOptions options;
  options.retry_first =
      std::chrono::milliseconds(configuration.integer("Notification:RetryFirstMs"));
  options.give_up_after =
      std::chrono::seconds(configuration.integer("Notification:GiveUpAfterSeconds"));
  if (!configuration.text("Smtp:Host").empty()) {
    const auto from = *mail::parse_mailbox(configuration.text("Smtp:From"));
    options.sender_name = from.name;
    options.make_mail_carrier = [smtp = smtp_options(configuration), from] {
      return note::make_mail_carrier(curl::make_smtp_relay(smtp), from);
    };
  }
  if (!configuration.text("Sms:AccountSid").empty()) {
    auto url = configuration.text("Sms:BaseUrl");
    while (url.ends_with('/')) url.pop_back();
    const note::TwilioOptions twilio{std::move(url), configuration.text("Sms:AccountSid"),
                                     configuration.text("Sms:AuthToken"),
                                     configuration.text("Sms:From")};
    // Of all carriers: the client keeps connections for them.
    const std::shared_ptr<http::Client> client = curl::make_http_client({});
    options.make_sms_carrier = [client, twilio] {
      return note::make_twilio_carrier(*client, twilio);
    };
  }
  return options;
}

std::unique_ptr<note::OrderSource> make_order_source(Readers& readers, const Crypto& crypto) {
  return std::make_unique<OrderSource>(readers, crypto);
}

}  // namespace stoa
