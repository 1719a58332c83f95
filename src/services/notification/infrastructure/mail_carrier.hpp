#pragma once

#include <memory>

#include "kernel/mail/message.hpp"
#include "kernel/mail/relay.hpp"
#include "services/notification/application/carrier.hpp"

namespace stoa::notification {

/// Letters as mail from `from`. The Message-ID is `<KEY@DOMAIN-OF-FROM>`, so what is sent twice is
/// the same message for everybody who looks at it.
std::unique_ptr<Carrier> make_mail_carrier(std::unique_ptr<mail::Relay> relay, mail::Mailbox from);

}  // namespace stoa::notification
