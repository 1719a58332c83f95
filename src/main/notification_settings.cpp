#include "main/notification_settings.hpp"

#include "kernel/mail/message.hpp"

namespace stoa {

std::vector<FieldError> check_notification_settings(const Configuration& configuration) {
  std::vector<FieldError> errors;
  const auto given = [&](std::string_view path) { return !configuration.text(path).empty(); };
  const auto check = [&](bool good, std::string path, std::string message) {
    if (!good) errors.push_back({std::move(path), "wrong_value", std::move(message)});
  };
  const bool has_mail = given("Smtp:Host");
  check(!has_mail || mail::parse_mailbox(configuration.text("Smtp:From")).has_value(), "Smtp:From",
        "must be an address, or a name and an address in <>, when Smtp:Host is given");
  check(has_mail || (!given("Smtp:From") && !given("Smtp:UserName")), "Smtp:Host",
        "must be given with the other settings of Smtp");
  const auto& sms_url = configuration.text("Sms:BaseUrl");
  check(sms_url.starts_with("https://") || sms_url.starts_with("http://"), "Sms:BaseUrl",
        "must be an http or https address");
  const bool has_sms = given("Sms:AccountSid");
  for (const auto* other : {"Sms:AuthToken", "Sms:From"}) {
    check(!has_sms || given(other), other, "must be given with Sms:AccountSid");
    check(has_sms || !given(other), "Sms:AccountSid", "must be given with the settings of Sms");
  }
  check(given("Smtp:UserName") || !given("Smtp:Password"), "Smtp:UserName",
        "must be given with Smtp:Password");
  return errors;
}

}  // namespace stoa
