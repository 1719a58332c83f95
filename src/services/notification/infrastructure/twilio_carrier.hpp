#pragma once

#include <memory>
#include <string>

#include "kernel/http/client.hpp"
#include "services/notification/application/carrier.hpp"

namespace stoa::notification {

struct TwilioOptions {
  std::string base_url;  ///< `https://api.twilio.com`, without a slash at its end
  std::string account_sid;
  std::string auth_token;
  std::string from;  ///< a number or a sender's name, or the id of a messaging service, `MG…`
};

/// Letters as SMS by Twilio's Messages resource, or one that behaves like it. It knows no key for
/// what was asked before: after an answer that was missed, a message may come twice. `client`
/// outlives the carrier.
std::unique_ptr<Carrier> make_twilio_carrier(http::Client& client, TwilioOptions options);

}  // namespace stoa::notification
