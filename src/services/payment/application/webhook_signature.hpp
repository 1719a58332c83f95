#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"

namespace stoa::payment {

/// A signature may be this much older or newer than our clock.
inline constexpr std::chrono::seconds signature_tolerance{300};

/// `t=UNIX_SECONDS,v1=HEX`, where v1 is HMAC-SHA256 of `t.body` under the secret: the scheme of
/// Stripe's webhooks, and of the simulator's.
std::string sign_webhook(const Crypto& crypto, std::string_view secret, Timestamp now,
                         std::string_view body);

/// Whether one of `secrets` made one of the header's `v1` for its `t` and just these bytes, and `t`
/// is within the tolerance. Other members are passed over. How long it takes does not tell how much
/// of a signature was right.
bool is_signed_webhook(const Crypto& crypto, const std::vector<std::string>& secrets,
                       std::string_view header, std::string_view body, Timestamp now);

}  // namespace stoa::payment
