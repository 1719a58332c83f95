#pragma once

#include <array>
#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/ids.hpp"
#include "kernel/base/money.hpp"
#include "kernel/base/result.hpp"
#include "kernel/json/fields.hpp"
#include "kernel/json/value.hpp"

namespace stoa::json {

/// Free members of a merchant: at most 50, keys of 1 to 40 characters, values of up to 500.
using Metadata = std::map<std::string, std::string>;

/// Text that is JSON already, written as it stands. Write only.
struct Raw {
  std::string text;
};

/// Collects every fault of one input with its pointer; the first 100 are kept.
class Reader {
 public:
  enum class Origin {
    client,  ///< a member that we do not know and a value beyond its bound are mistakes
    stored,  ///< by Stoa, perhaps another version: such members are skipped, bounds not judged
             ///< again
  };
  explicit Reader(Origin origin, std::string pointer = {})
      : origin_(origin), pointer_(std::move(pointer)) {}

  [[nodiscard]] bool is_of_client() const { return origin_ == Origin::client; }
  [[nodiscard]] const std::vector<FieldError>& errors() const { return errors_; }
  [[nodiscard]] std::vector<FieldError> take_errors() { return std::move(errors_); }
  void error(std::string code, std::string message);

  /// Runs `body` with the pointer one step deeper.
  template <class Body>
  void within(std::string_view member, Body&& body) {
    const auto length = pointer_.size();
    push(member);
    body();
    pointer_.resize(length);
  }

 private:
  void push(std::string_view member);

  Origin origin_;
  std::string pointer_;
  std::vector<FieldError> errors_;
};

/// Appends JSON to one buffer.
class Writer {
 public:
  enum class Absent { null, omit };
  explicit Writer(Absent absent = Absent::null) : absent_(absent) {}

  std::string out;
  [[nodiscard]] bool omits_absent() const { return absent_ == Absent::omit; }
  void text(std::string_view value);
  void integer(std::int64_t value);

 private:
  Absent absent_;
};

/// Schemas (JSON Schema 2020-12) of one document; types with a `schema_name` become components.
class Schemas {
 public:
  /// `{"$ref":…}` to the component, which `make` writes when it is met for the first time.
  template <class Make>
  std::string reference(std::string_view name, Make&& make) {
    if (!components_.contains(name)) {
      components_.emplace(name, "{}");  // a type may contain itself
      components_[std::string(name)] = make();
    }
    return "{\"$ref\":\"#/components/schemas/" + std::string(name) + "\"}";
  }
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& components() const {
    return components_;
  }

 private:
  std::map<std::string, std::string, std::less<>> components_;
};

template <class T>
struct Codec;

namespace detail {

void read_text(Reader& reader, const Value& value, std::string& to, const Text& bound);
void read_integer(Reader& reader, const Value& value, std::int64_t& to, const Range& bound);
const Array* read_array(Reader& reader, const Value& value, std::size_t min, std::size_t max);
const Object* read_object(Reader& reader, const Value& value);
void missing(Reader& reader, std::string_view name);
void refuse_unknown_members(Reader& reader, const Object& object, const std::string_view* known,
                            std::size_t count);
std::string text_schema(const Text& bound);
std::string integer_schema(const Range& bound);
std::string array_schema(std::string items, std::size_t min, std::size_t max);
std::string enum_schema(const std::vector<std::string_view>& names);
std::string nullable_schema(std::string schema);
std::string with_description(std::string schema, std::string_view description);

template <class Wanted, class Bound>
Wanted bound_or(const Bound& bound) {
  if constexpr (std::is_same_v<Wanted, Bound>) {
    return bound;
  } else if constexpr (std::is_same_v<Bound, Items> && std::is_same_v<Wanted, Text>) {
    return bound.text;
  } else if constexpr (std::is_same_v<Bound, Items> && std::is_same_v<Wanted, Range>) {
    return bound.range;
  } else {
    return Wanted{};
  }
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

}  // namespace detail

/// A struct with `fields()`.
template <Described T>
struct Codec<T> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, T& to, const Bound&) {
    const Object* object = detail::read_object(reader, value);
    if (object == nullptr) return;
    for_each_field<T>([&](const auto& field) { read_field(reader, *object, to, field); });
    if (!reader.is_of_client()) return;
    const auto names = std::apply(
        [](const auto&... field) {
          return std::array<std::string_view, sizeof...(field)>{field.name...};
        },
        T::fields());
    if (object->size() > 0)
      detail::refuse_unknown_members(reader, *object, names.data(), names.size());
  }

  static void write(Writer& writer, const T& value) {
    char separator = '{';
    for_each_field<T>([&](const auto& field) {
      const auto& member = value.*field.member;
      using Member = std::remove_cvref_t<decltype(member)>;
      if constexpr (detail::IsOptional<Member>::value) {
        if (!member && writer.omits_absent()) return;
      }
      writer.out += separator;
      writer.out += '"';
      writer.out += field.name;
      writer.out += "\":";
      Codec<Member>::write(writer, member);
      separator = ',';
    });
    if (separator == '{') writer.out += '{';
    writer.out += '}';
  }

  template <class Bound>
  static std::string schema(Schemas& schemas, const Bound&) {
    if constexpr (requires { T::schema_name; }) {
      return schemas.reference(T::schema_name, [&] { return body(schemas); });
    } else {
      return body(schemas);
    }
  }

 private:
  template <class F>
  static void read_field(Reader& reader, const Object& object, T& to, const F& field) {
    auto& member = to.*field.member;
    using Member = std::remove_cvref_t<decltype(member)>;
    const auto* found = object.if_contains(field.name);
    if (found == nullptr) {
      if (!detail::IsOptional<Member>::value && !field.may_be_missing)
        detail::missing(reader, field.name);
      return;
    }
    reader.within(field.name, [&] { Codec<Member>::read(reader, *found, member, field.bound); });
  }

  static std::string body(Schemas& schemas) {
    std::string properties;
    std::string required;
    for_each_field<T>([&](const auto& field) {
      using Member = std::remove_cvref_t<decltype(std::declval<T>().*field.member)>;
      if (!properties.empty()) properties += ',';
      properties.append("\"").append(field.name).append("\":");
      properties +=
          detail::with_description(Codec<Member>::schema(schemas, field.bound), field.doc);
      if (detail::IsOptional<Member>::value || field.may_be_missing) return;
      required += required.empty() ? "\"" : ",\"";
      required.append(field.name).append("\"");
    });
    std::string schema = R"({"type":"object","additionalProperties":false,"properties":{)";
    schema.append(properties).append("}");
    if (!required.empty()) schema.append(",\"required\":[").append(required).append("]");
    return schema.append("}");
  }
};

template <>
struct Codec<std::string> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, std::string& to, const Bound& bound) {
    detail::read_text(reader, value, to, detail::bound_or<Text>(bound));
  }
  static void write(Writer& writer, const std::string& value) { writer.text(value); }
  template <class Bound>
  static std::string schema(Schemas&, const Bound& bound) {
    return detail::text_schema(detail::bound_or<Text>(bound));
  }
};

template <>
struct Codec<std::int64_t> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, std::int64_t& to, const Bound& bound) {
    detail::read_integer(reader, value, to, detail::bound_or<Range>(bound));
  }
  static void write(Writer& writer, std::int64_t value) { writer.integer(value); }
  template <class Bound>
  static std::string schema(Schemas&, const Bound& bound) {
    return detail::integer_schema(detail::bound_or<Range>(bound));
  }
};

template <>
struct Codec<Quantity> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, Quantity& to, const Bound& bound) {
    std::int64_t count = 0;
    detail::read_integer(reader, value, count, detail::bound_or<Range>(bound));
    to = Quantity(count);
  }
  static void write(Writer& writer, Quantity value) { writer.integer(value.count()); }
  template <class Bound>
  static std::string schema(Schemas&, const Bound& bound) {
    return detail::integer_schema(detail::bound_or<Range>(bound));
  }
};

template <>
struct Codec<bool> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, bool& to, const Bound&) {
    if (const bool* flag = value.if_bool()) {
      to = *flag;
    } else {
      reader.error("wrong_type", "Must be true or false.");
    }
  }
  static void write(Writer& writer, bool value) { writer.out += value ? "true" : "false"; }
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return R"({"type":"boolean"})";
  }
};

template <>
struct Codec<Raw> {
  static void write(Writer& writer, const Raw& value) { writer.out += value.text; }
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return "{}";
  }
};

template <>
struct Codec<Currency> {
  static void read_code(Reader& reader, const Value& value, Currency& to);
  template <class Bound>
  static void read(Reader& reader, const Value& value, Currency& to, const Bound&) {
    read_code(reader, value, to);
  }
  static void write(Writer& writer, Currency value) { writer.text(value.code()); }
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return R"({"type":"string","pattern":"^[A-Z]{3}$","description":"ISO 4217 code","examples":["GBP"]})";
  }
};

/// `{"amount": 1999, "currency": "GBP"}`; a Range bounds the amount.
template <>
struct Codec<Money> {
  static void read_members(Reader& reader, const Value& value, Money& to, const Range& bound);
  static std::string schema_of(Schemas& schemas, const Range& bound);
  template <class Bound>
  static void read(Reader& reader, const Value& value, Money& to, const Bound& bound) {
    read_members(reader, value, to, detail::bound_or<Range>(bound));
  }
  static void write(Writer& writer, const Money& value);
  template <class Bound>
  static std::string schema(Schemas& schemas, const Bound& bound) {
    return schema_of(schemas, detail::bound_or<Range>(bound));
  }
};

template <>
struct Codec<Timestamp> {
  static void read_time(Reader& reader, const Value& value, Timestamp& to);
  template <class Bound>
  static void read(Reader& reader, const Value& value, Timestamp& to, const Bound&) {
    read_time(reader, value, to);
  }
  static void write(Writer& writer, Timestamp value) { writer.text(to_rfc3339(value)); }
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return R"({"type":"string","format":"date-time"})";
  }
};

template <IdPrefix Prefix>
struct Codec<Id<Prefix>> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, Id<Prefix>& to, const Bound&) {
    const auto* text = value.if_string();
    const auto id = text != nullptr ? Id<Prefix>::parse(*text) : std::nullopt;
    if (id) {
      to = *id;
    } else {
      reader.error("wrong_id", "Must be an id that starts with " + std::string(Prefix.view()) +
                                   "_ and has 26 further characters.");
    }
  }
  static void write(Writer& writer, const Id<Prefix>& value) {
    writer.out.append("\"").append(value.str()).append("\"");
  }
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return R"({"type":"string","pattern":"^)" + std::string(Prefix.view()) +
           R"(_[0-9a-hjkmnp-tv-z]{26}$"})";
  }
};

template <class T>
struct Codec<std::optional<T>> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, std::optional<T>& to, const Bound& bound) {
    if (value.is_null()) {
      to.reset();
    } else {
      Codec<T>::read(reader, value, to.emplace(), bound);
    }
  }
  static void write(Writer& writer, const std::optional<T>& value) {
    value ? Codec<T>::write(writer, *value) : static_cast<void>(writer.out += "null");
  }
  template <class Bound>
  static std::string schema(Schemas& schemas, const Bound& bound) {
    return detail::nullable_schema(Codec<T>::schema(schemas, bound));
  }
};

template <class T>
struct Codec<std::vector<T>> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, std::vector<T>& to, const Bound& bound) {
    const auto items = detail::bound_or<Items>(bound);
    const Array* array = detail::read_array(reader, value, items.min, items.max);
    if (array == nullptr) return;
    to.clear();
    to.reserve(array->size());
    for (std::size_t at = 0; at < array->size(); ++at) {
      reader.within(std::to_string(at),
                    [&] { Codec<T>::read(reader, (*array)[at], to.emplace_back(), items); });
    }
  }
  static void write(Writer& writer, const std::vector<T>& value) {
    char separator = '[';
    for (const auto& item : value) {
      writer.out += separator;
      Codec<T>::write(writer, item);
      separator = ',';
    }
    if (separator == '[') writer.out += '[';
    writer.out += ']';
  }
  template <class Bound>
  static std::string schema(Schemas& schemas, const Bound& bound) {
    const auto items = detail::bound_or<Items>(bound);
    return detail::array_schema(Codec<T>::schema(schemas, items), items.min, items.max);
  }
};

template <>
struct Codec<Metadata> {
  static void read_members(Reader& reader, const Value& value, Metadata& to);
  template <class Bound>
  static void read(Reader& reader, const Value& value, Metadata& to, const Bound&) {
    read_members(reader, value, to);
  }
  static void write(Writer& writer, const Metadata& value);
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return R"({"type":"object","maxProperties":50,"propertyNames":{"minLength":1,"maxLength":40},)"
           R"("additionalProperties":{"type":"string","maxLength":500}})";
  }
};

/// The names of an enumeration described with BOOST_DEFINE_ENUM_CLASS.
template <class E>
concept DescribedEnum =
    std::is_enum_v<E> && requires { typename boost::describe::describe_enumerators<E>; };

template <DescribedEnum E>
constexpr std::string_view name_of(E value) {
  std::string_view name;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto one) {
    if (one.value == value) name = one.name;
  });
  return name;
}

template <DescribedEnum E>
std::vector<std::string_view> names_of() {
  std::vector<std::string_view> names;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
      [&](auto one) { names.emplace_back(one.name); });
  return names;
}

template <DescribedEnum E>
std::optional<E> from_name(std::string_view text) {
  std::optional<E> found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto one) {
    if (text == one.name) found = one.value;
  });
  return found;
}

/// `Must be one of a, b, c.`
std::string one_of(const std::vector<std::string_view>& names);

template <DescribedEnum E>
struct Codec<E> {
  template <class Bound>
  static void read(Reader& reader, const Value& value, E& to, const Bound&) {
    const auto* text = value.if_string();
    const auto found = text != nullptr ? from_name<E>(*text) : std::nullopt;
    if (found) {
      to = *found;
    } else {
      reader.error("unknown_value", one_of(names_of<E>()));
    }
  }
  static void write(Writer& writer, E value) {
    writer.out.append("\"").append(name_of(value)).append("\"");
  }
  template <class Bound>
  static std::string schema(Schemas&, const Bound&) {
    return detail::enum_schema(names_of<E>());
  }
};

/// A client's input: every fault at once, as `invalid_body` (422), or `malformed_json` (400).
template <class T>
Result<T> read_input(std::string_view text) {
  auto value = parse(text);
  if (!value) return fail(std::move(value.error()));
  Reader reader(Reader::Origin::client);
  T body{};
  Codec<T>::read(reader, *value, body, Unbounded{});
  if (reader.errors().empty()) return body;
  return fail(Error{ErrorKind::invalid, "invalid_body",
                    "The body breaks the rules of this operation; see errors.",
                    reader.take_errors()});
}

/// Text that Stoa wrote, perhaps another version of it: unknown members are skipped, and what was
/// within its bounds then is read even if it is not now.
template <class T>
Result<T> read_stored(const Value& value) {
  Reader reader(Reader::Origin::stored);
  T body{};
  Codec<T>::read(reader, value, body, Unbounded{});
  if (reader.errors().empty()) return body;
  const auto& first = reader.errors().front();
  return fail(ErrorKind::internal, "damaged_data",
              "Stored JSON cannot be read at " + first.pointer + ": " + first.message);
}

template <class T>
Result<T> read_stored(std::string_view text) {
  auto value = parse(text);
  if (!value) return fail(std::move(value.error()));
  return read_stored<T>(*value);
}

/// For an answer: an absent member is null.
template <class T>
std::string to_json(const T& value) {
  Writer writer;
  Codec<T>::write(writer, value);
  return std::move(writer.out);
}

/// For the log: an absent member is left out.
template <class T>
std::string to_stored_json(const T& value) {
  Writer writer(Writer::Absent::omit);
  Codec<T>::write(writer, value);
  return std::move(writer.out);
}

}  // namespace stoa::json
