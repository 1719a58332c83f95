#pragma once

#include <optional>
#include <string>

#include "kernel/json/postal_address.hpp"

namespace stoa::ordering {

using Address = PostalAddress;

/// What the law calls personal: in events it exists only sealed, under the key of the person (of
/// the order, for a guest). Without the key nothing of it can be read again.
struct PersonalData {
  std::optional<std::string> email;
  std::optional<std::string> name;
  std::optional<Address> shipping;
  std::optional<Address> billing;
  std::optional<std::string> phone = {};     ///< E.164, for messages
  std::optional<std::string> language = {};  ///< BCP 47
  static constexpr auto fields() {
    using namespace json;
    return std::tuple{field("email", &PersonalData::email, Text{0, 254}),
                      field("name", &PersonalData::name),
                      field("shipping", &PersonalData::shipping),
                      field("billing", &PersonalData::billing),
                      field("phone", &PersonalData::phone),
                      field("language", &PersonalData::language)};
  }
};

}  // namespace stoa::ordering
