#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernel/json/postal_address.hpp"

namespace stoa::shop::contracts {

/// Which locations give the units of an order: the first by priority as far as they go, or one that
/// has them all.
BOOST_DEFINE_ENUM_CLASS(Allocation, priority, fewest_locations)

/// The settings of the shop, all of them, as they are from now on. On the topic
/// `stoa.shop.settings`. What the merchant has not set is absent or stands at its initial value.
struct ShopChanged {
  static constexpr std::string_view type = "shop.ShopChanged.v1";
  std::optional<std::string> name;
  std::vector<Currency> currencies;    ///< that it sells in; empty: every one
  std::string time_zone = "UTC";       ///< of the IANA database
  std::vector<std::string> languages;  ///< BCP 47, the first is the shop's own
  std::optional<PostalAddress> legal_address;
  std::optional<PostalAddress> returns_address;
  std::optional<std::string> support_email;
  std::optional<std::int64_t> payment_deadline_seconds;  ///< absent: the configuration's
  std::optional<std::int64_t> capture_deadline_seconds;  ///< of a manual capture
  Allocation allocation = Allocation::priority;
  std::string order_number_prefix;
  std::string order_number_pattern = "{seq}";
  static constexpr auto fields() {
    using namespace json;
    using S = ShopChanged;
    return std::tuple{field("name", &S::name),
                      field("currencies", &S::currencies, Items{0, 200}),
                      field("time_zone", &S::time_zone),
                      field("languages", &S::languages, Items{0, 50}),
                      field("legal_address", &S::legal_address),
                      field("returns_address", &S::returns_address),
                      field("support_email", &S::support_email),
                      field("payment_deadline_seconds", &S::payment_deadline_seconds),
                      field("capture_deadline_seconds", &S::capture_deadline_seconds),
                      field("allocation", &S::allocation),
                      field("order_number_prefix", &S::order_number_prefix),
                      field("order_number_pattern", &S::order_number_pattern)};
  }
};

using Event = std::variant<ShopChanged>;

}  // namespace stoa::shop::contracts
