#pragma once

#include <optional>
#include <string>

#include "kernel/json/codec.hpp"

namespace stoa {

/// Where post arrives, in the order of no country in particular.
struct PostalAddress {
  static constexpr std::string_view schema_name = "Address";
  std::optional<std::string> name;
  std::optional<std::string> company;
  std::string line1;
  std::optional<std::string> line2;
  std::string city;
  std::optional<std::string> region;
  std::optional<std::string> postal_code;
  std::string country;  ///< ISO 3166-1, two capital letters
  std::optional<std::string> phone;
  friend bool operator==(const PostalAddress&, const PostalAddress&) = default;
  static constexpr auto fields() {
    using namespace json;
    using A = PostalAddress;
    return std::tuple{field("name", &A::name),
                      field("company", &A::company),
                      field("line1", &A::line1, Text{1, 255}),
                      field("line2", &A::line2),
                      field("city", &A::city, Text{1, 100}),
                      field("region", &A::region, Text{0, 100}),
                      field("postal_code", &A::postal_code, Text{0, 20}),
                      field("country", &A::country, Text{2, 2, Form::country}),
                      field("phone", &A::phone, Text{0, 40})};
  }
};

}  // namespace stoa
