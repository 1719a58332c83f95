#pragma once

#include <memory>

#include "kernel/base/crypto.hpp"
#include "kernel/base/result.hpp"
#include "kernel/mediator/readers.hpp"
#include "main/configuration.hpp"
#include "platform/curl/smtp.hpp"
#include "services/notification/module.hpp"

namespace stoa {

/// The relay that `Smtp` describes; without a host when there is none.
curl::SmtpOptions smtp_options(const Configuration& configuration);

/// The ways out that `Smtp` and `Sms` describe. The settings have been checked.
notification::NotificationOptions notification_options(const Configuration& configuration);

/// Reads orders on Ordering's reader threads. `readers` and `crypto` outlive it.
std::unique_ptr<notification::OrderSource> make_order_source(Readers& readers,
                                                             const Crypto& crypto);

}  // namespace stoa
