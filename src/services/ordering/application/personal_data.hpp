#pragma once

#include <optional>
#include <string>

#include "kernel/json/codec.hpp"

namespace stoa::ordering {

struct Address {
  static constexpr std::string_view schema_name = "Address";
  std::optional<std::string> name;
  std::optional<std::string> company;
  std::string line1;
  std::optional<std::string> line2;
  std::string city;
  std::optional<std::string> region;
  std::optional<std::string> postal_code;
  std::string country;
  std::optional<std::string> phone;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("name", &Address::name),
                      field("company", &Address::company),
                      field("line1", &Address::line1, Text{1, 255}),
                      field("line2", &Address::line2),
                      field("city", &Address::city, Text{1, 100}),
                      field("region", &Address::region, Text{0, 100}),
                      field("postal_code", &Address::postal_code, Text{0, 20}),
                      field("country", &Address::country, Text{2, 2, Form::country}),
                      field("phone", &Address::phone, Text{0, 40})};
  }
};

/// What the law calls personal: in events it exists only sealed, under the key of the person (of
/// the order, for a guest). Without the key nothing of it can be read again.
struct PersonalData {
  std::optional<std::string> email;
  std::optional<std::string> name;
  std::optional<Address> shipping;
  std::optional<Address> billing;
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{
        field("email", &PersonalData::email, Text{0, 254}), field("name", &PersonalData::name),
        field("shipping", &PersonalData::shipping), field("billing", &PersonalData::billing)};
  }
};

}  // namespace stoa::ordering
