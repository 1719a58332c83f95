#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <tuple>

namespace stoa::json {

/// What a text may be; each form has its own check and its own `format` in the schema.
enum class Form {
  line,     ///< no control characters
  lines,    ///< line ends and tabs may occur
  token,    ///< printable ASCII without spaces
  email,    ///< one address: local part, `@`, domain; at most 254 bytes
  country,  ///< two capital letters
  slug,     ///< lower-case letters, digits, single hyphens between them
  url,      ///< absolute http(s) address, or a path of this shop that starts with one slash
};

/// Bounds of a text in code points.
struct Text {
  std::size_t min = 0;
  std::size_t max = 255;
  Form form = Form::line;
};

/// Bounds of an integer, both inclusive.
struct Range {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

/// Bounds of a list, and of each text or number in it.
struct Items {
  std::size_t min = 0;
  std::size_t max = 100;
  Text text = {};
  Range range = {};
};

/// A member without a bound of its own: texts have at most 255 characters on one line.
struct Unbounded {};

template <class Owner, class Member, class Bound>
struct Field {
  std::string_view name;
  Member Owner::* member;
  Bound bound;
  std::string_view doc;
  bool may_be_missing;
};

/// A member that must be there (an std::optional may be missing or null).
template <class Owner, class Member, class Bound = Unbounded>
constexpr auto field(std::string_view name, Member Owner::* member, Bound bound = {},
                     std::string_view doc = {}) {
  return Field<Owner, Member, Bound>{name, member, bound, doc, false};
}

/// A member that keeps its initial value when it is missing.
template <class Owner, class Member, class Bound = Unbounded>
constexpr auto defaulted(std::string_view name, Member Owner::* member, Bound bound = {},
                         std::string_view doc = {}) {
  return Field<Owner, Member, Bound>{name, member, bound, doc, true};
}

/// One declaration a type, `static constexpr auto fields() { return std::tuple{field(…), …}; }`,
/// drives reading, writing, checking and the OpenAPI schema, so that they cannot drift apart.
template <class T>
concept Described = requires { T::fields(); };

template <Described T, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... fields) { (visit(fields), ...); }, T::fields());
}

}  // namespace stoa::json
