#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/json/postal_address.hpp"

namespace stoa::shop {

BOOST_DEFINE_ENUM_CLASS(Allocation, priority, fewest_locations)

struct Addresses {
  std::optional<PostalAddress> legal;
  std::optional<PostalAddress> returns;
  std::optional<std::string> support_email;
  friend bool operator==(const Addresses&, const Addresses&) = default;
  static constexpr auto fields() {
    using namespace json;
    using A = Addresses;
    return std::tuple{field("legal", &A::legal, Unbounded{}, "As on invoices"),
                      field("returns", &A::returns, Unbounded{}, "Where goods are sent back to"),
                      field("support_email", &A::support_email, Text{3, 254, Form::email})};
  }
};

/// In seconds; absent: the configuration's.
struct Deadlines {
  std::optional<std::int64_t> payment_seconds;
  std::optional<std::int64_t> capture_seconds;
  friend bool operator==(const Deadlines&, const Deadlines&) = default;
  static constexpr auto fields() {
    using namespace json;
    using D = Deadlines;
    return std::tuple{field("payment_seconds", &D::payment_seconds, Range{1, 604'800},
                            "An order that is not paid by then is closed"),
                      field("capture_seconds", &D::capture_seconds, Range{1, 2'592'000},
                            "A manual capture that is not made by then is voided")};
  }
};

struct OrderNumbers {
  std::string prefix;
  std::string pattern = "{seq}";
  friend bool operator==(const OrderNumbers&, const OrderNumbers&) = default;
  static constexpr auto fields() {
    using namespace json;
    using O = OrderNumbers;
    return std::tuple{
        defaulted("prefix", &O::prefix, Text{0, 20}, "What {prefix} stands for"),
        defaulted("pattern", &O::pattern, Text{1, 100},
                  "{seq} or {seq:N} once, and as wanted {prefix}, {yyyy}, {yy}, {mm}, "
                  "{dd}, {check}, letters, digits and - _ / . #")};
  }
};

/// What the merchant has set; a member that is not set stands at its initial value, or is absent
/// where that is the configuration's.
struct Settings {
  static constexpr std::string_view schema_name = "ShopSettings";
  std::optional<std::string> name;
  std::vector<Currency> currencies;
  std::string time_zone = "UTC";
  std::vector<std::string> languages{"en"};
  Addresses addresses;
  Deadlines deadlines;
  Allocation allocation = Allocation::priority;
  OrderNumbers order_numbers;
  friend bool operator==(const Settings&, const Settings&) = default;
  static constexpr auto fields() {
    using namespace json;
    using S = Settings;
    return std::tuple{
        field("name", &S::name, Text{1, 255}),
        defaulted("currencies", &S::currencies, Items{0, 200},
                  "ISO 4217; orders in others are refused. Empty: every currency"),
        defaulted("time_zone", &S::time_zone, Text{1, 64}, "Of the IANA database, Europe/London"),
        defaulted("languages", &S::languages, Items{1, 50, Text{2, 35}},
                  "BCP 47, the shop's own first"),
        defaulted("addresses", &S::addresses),
        defaulted("deadlines", &S::deadlines, Unbounded{}, "Of orders placed from now on"),
        defaulted("allocation", &S::allocation, Unbounded{},
                  "Which locations give the units of an order"),
        defaulted("order_numbers", &S::order_numbers, Unbounded{}, "Of orders placed from now on")};
  }
};

/// Stream `shop`: each event holds all settings.
struct ShopChanged {
  static constexpr std::string_view type = "ShopChanged.v1";
  Settings settings;
  static constexpr auto fields() {
    return std::tuple{json::field("settings", &ShopChanged::settings)};
  }
};

using StoredEvent = std::variant<ShopChanged>;

/// What the settings are judged by that is known elsewhere.
struct SettingsRules {
  std::function<bool(const std::string& name)> knows_time_zone;
  /// What is wrong with a pattern of order numbers, for a person; empty when nothing is.
  std::function<std::string(const std::string& prefix, const std::string& pattern)> number_fault;
};

/// Every rule that a single member's bounds cannot tell, with pointers.
std::vector<FieldError> faults_of(const Settings& settings, const SettingsRules& rules);

/// Whether a tag of a language is well-formed by BCP 47 (RFC 5646); registers are not asked, and
/// the irregular old ones (`i-klingon`) are not taken.
bool is_language_tag(std::string_view tag);

}  // namespace stoa::shop
