#pragma once

#include <string>
#include <string_view>

#include "kernel/base/crypto.hpp"
#include "kernel/http/message.hpp"

namespace stoa::ordering {

inline constexpr std::string_view order_token_header = "stoa-order-token";

/// What the shop's secret makes of `text`, for one purpose: 32 hexadecimal digits that nobody else
/// can compute.
std::string fingerprint(const Crypto& crypto, std::string_view secret, std::string_view what,
                        std::string_view text);

/// Who may read an order: the secret key, and who holds the order's own token. A token is derived
/// from the order's id and stored nowhere.
class OrderAccess {
 public:
  OrderAccess(const Crypto& crypto, std::string secret)
      : crypto_(crypto), secret_(std::move(secret)) {}

  [[nodiscard]] std::string token_of(std::string_view order_id) const;
  /// `order_not_found` as if it did not exist: a stranger learns nothing. The order is the
  /// parameter `id` of the path.
  [[nodiscard]] Result<void> may_read(const http::Request& request) const;
  /// The same of another order than the path's.
  [[nodiscard]] Result<void> may_read(const http::Request& request,
                                      std::string_view order_id) const;

 private:
  const Crypto& crypto_;
  std::string secret_;
};

Error no_order();

}  // namespace stoa::ordering
