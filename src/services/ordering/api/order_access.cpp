#include "services/ordering/api/order_access.hpp"

#include "kernel/base/text.hpp"

namespace stoa::ordering {

std::string fingerprint(const Crypto& crypto, std::string_view secret, std::string_view what,
                        std::string_view text) {
  const auto digest = crypto.hmac_sha256(secret, std::string(what).append(":").append(text));
  return to_hex(digest).substr(0, 32);
}

std::string OrderAccess::token_of(std::string_view order_id) const {
  return "ot_" + fingerprint(crypto_, secret_, "order token", order_id);
}

Result<void> OrderAccess::may_read(const http::Request& request) const {
  return may_read(request, request.param("id"));
}

Result<void> OrderAccess::may_read(const http::Request& request, std::string_view order_id) const {
  if (request.principal == http::Principal::secret) return {};
  if (constant_time_equals(request.header(order_token_header), token_of(order_id))) return {};
  return fail(no_order());
}

Error no_order() { return {ErrorKind::not_found, "order_not_found", "There is no such order."}; }

}  // namespace stoa::ordering
