#include "kernel/json/codec.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kernel/base/text.hpp"

namespace stoa::json {
namespace {

constexpr std::size_t errors_max = 100;

bool is_ascii_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The shape of RFC 5321 addresses that relays take: no quoted local parts, no address literals.
bool is_email(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64 || text.size() > 254) return false;
  const auto local = text.substr(0, at);
  const auto domain = text.substr(at + 1);
  const auto in_local = [](char c) {
    return is_ascii_letter_or_digit(c) ||
           std::string_view("!#$%&'*+/=?^_`{|}~.-").find(c) != std::string_view::npos ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  const auto in_domain = [](char c) {
    return is_ascii_letter_or_digit(c) || c == '.' || c == '-' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  return std::all_of(local.begin(), local.end(), in_local) && !local.starts_with('.') &&
         !local.ends_with('.') && local.find("..") == std::string_view::npos && !domain.empty() &&
         std::all_of(domain.begin(), domain.end(), in_domain) && !domain.starts_with('.') &&
         !domain.ends_with('.') && !domain.starts_with('-') &&
         domain.find("..") == std::string_view::npos;
}

bool is_slug(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  return std::all_of(text.begin(), text.end(), allowed) && !text.starts_with('-') &&
         !text.ends_with('-') && text.find("--") == std::string_view::npos;
}

bool is_url(std::string_view text) {
  if (text.starts_with('/')) return !text.starts_with("//");
  for (const std::string_view scheme : {"https://", "http://"})
    if (text.starts_with(scheme) && text.size() > scheme.size())
      return text.find_first_of(" \"<>\\^`{|}") == std::string_view::npos;
  return false;
}

/// What is wrong with the form of a text; empty when nothing is.
std::string_view form_fault(std::string_view text, Form form) {
  if (has_control_characters(text, form == Form::lines))
    return "Control characters are not allowed.";
  if (text.empty()) return {};
  switch (form) {
    case Form::line:
    case Form::lines:
      return {};
    case Form::token:
      return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; })
                 ? std::string_view{}
                 : "Only printable ASCII characters without spaces are allowed.";
    case Form::email:
      return is_email(text) ? std::string_view{} : "Must be one e-mail address.";
    case Form::country:
      return text.size() == 2 && std::all_of(text.begin(), text.end(),
                                             [](char c) { return c >= 'A' && c <= 'Z'; })
                 ? std::string_view{}
                 : "Must be a country code of ISO 3166-1: two capital letters.";
    case Form::slug:
      return is_slug(text)
                 ? std::string_view{}
                 : "Only lower-case letters, digits and single hyphens between them are allowed.";
    case Form::url:
      return is_url(text)
                 ? std::string_view{}
                 : "Must be an http or https address, or a path that starts with one slash.";
  }
  return {};
}

std::string_view format_of(Form form) {
  switch (form) {
    case Form::email:
      return ",\"format\":\"email\"";
    case Form::country:
      return ",\"pattern\":\"^[A-Z]{2}$\"";
    case Form::token:
      return ",\"pattern\":\"^[!-~]*$\"";
    default:
      return "";
  }
}

/// An integer of JSON: also 1e3 and 5.0, which the RFC does not tell apart from 1000 and 5.
std::optional<std::int64_t> integer_of(const Value& value) {
  if (const auto* number = value.if_int64()) return *number;
  if (const auto* real = value.if_double()) {
    if (std::trunc(*real) == *real && std::abs(*real) <= static_cast<double>(Money::max_amount))
      return static_cast<std::int64_t>(*real);
  }
  return std::nullopt;
}

}  // namespace

void Reader::error(std::string code, std::string message) {
  if (errors_.size() < errors_max)
    errors_.push_back({pointer_, std::move(code), std::move(message)});
}

void Reader::push(std::string_view member) {
  pointer_ += '/';
  for (const char c : member) {
    if (c == '~') {
      pointer_ += "~0";
    } else if (c == '/') {
      pointer_ += "~1";
    } else {
      pointer_ += c;
    }
  }
}

void Writer::text(std::string_view value) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  std::size_t start = 0;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const auto byte = static_cast<unsigned char>(value[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(value, start, at - start);
    start = at + 1;
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out.append("\\u00").append(1, hex[byte >> 4U]).append(1, hex[byte & 15U]);
    }
  }
  out.append(value, start).append("\"");
}

void Writer::integer(std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

std::string one_of(const std::vector<std::string_view>& names) {
  std::string text = "Must be one of";
  char separator = ' ';
  for (const auto name : names) {
    if (separator == ',') text += ',';
    text.append(" ").append(name);
    separator = ',';
  }
  return text + ".";
}

namespace detail {

void read_text(Reader& reader, const Value& value, std::string& to, const Text& bound) {
  const auto* text = value.if_string();
  if (text == nullptr) return reader.error("wrong_type", "Must be a text.");
  const std::string_view view(*text);
  if (!reader.is_of_client()) {
    to = view;
    return;
  }
  const auto length = utf8_length(view);
  if (length < bound.min)
    return reader.error("too_short",
                        bound.min == 1
                            ? "Must not be empty."
                            : "Must have at least " + std::to_string(bound.min) + " characters.");
  if (length > bound.max)
    return reader.error("too_long",
                        "Must have at most " + std::to_string(bound.max) + " characters.");
  if (const auto fault = form_fault(view, bound.form); !fault.empty())
    return reader.error("wrong_form", std::string(fault));
  to = view;
}

void read_integer(Reader& reader, const Value& value, std::int64_t& to, const Range& bound) {
  if (!value.is_number()) return reader.error("wrong_type", "Must be a whole number.");
  const auto number = integer_of(value);
  if (!number)
    return reader.error("not_an_integer",
                        "Must be a whole number of at most 53 bits, without decimals.");
  if (reader.is_of_client() && *number < bound.min)
    return reader.error("too_small", "Must be at least " + std::to_string(bound.min) + ".");
  if (reader.is_of_client() && *number > bound.max)
    return reader.error("too_large", "Must be at most " + std::to_string(bound.max) + ".");
  to = *number;
}

const Array* read_array(Reader& reader, const Value& value, std::size_t min, std::size_t max) {
  const auto* array = value.if_array();
  if (array == nullptr) {
    reader.error("wrong_type", "Must be a list.");
  } else if (!reader.is_of_client()) {
    return array;
  } else if (array->size() < min) {
    reader.error("too_few", "Must have at least " + std::to_string(min) + " entries.");
    return nullptr;
  } else if (array->size() > max) {
    reader.error("too_many", "Must have at most " + std::to_string(max) + " entries.");
    return nullptr;
  }
  return array;
}

const Object* read_object(Reader& reader, const Value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) reader.error("wrong_type", "Must be an object.");
  return object;
}

void missing(Reader& reader, std::string_view name) {
  reader.within(name, [&] { reader.error("missing", "This member is required."); });
}

/// Of a client's name that a problem repeats.
constexpr std::size_t name_bytes_max = 100;

void refuse_unknown_members(Reader& reader, const Object& object, const std::string_view* known,
                            std::size_t count) {
  for (const auto& member : object) {
    const std::string_view name = member.key();
    if (std::find(known, known + count, name) != known + count) continue;
    reader.within(utf8_prefix(name, name_bytes_max),
                  [&] { reader.error("unknown_member", "This member is not known here."); });
  }
}

std::string text_schema(const Text& bound) {
  std::string schema = R"({"type":"string")";
  if (bound.min > 0) schema += ",\"minLength\":" + std::to_string(bound.min);
  schema += ",\"maxLength\":" + std::to_string(bound.max);
  return schema.append(format_of(bound.form)).append("}");
}

std::string integer_schema(const Range& bound) {
  std::string schema = R"({"type":"integer")";
  if (bound.min != Range{}.min) schema += ",\"minimum\":" + std::to_string(bound.min);
  if (bound.max != Range{}.max) schema += ",\"maximum\":" + std::to_string(bound.max);
  return schema + "}";
}

std::string array_schema(std::string items, std::size_t min, std::size_t max) {
  std::string schema = R"({"type":"array","items":)" + std::move(items);
  if (min > 0) schema += ",\"minItems\":" + std::to_string(min);
  return schema + ",\"maxItems\":" + std::to_string(max) + "}";
}

std::string enum_schema(const std::vector<std::string_view>& names) {
  Writer writer;
  writer.out = R"({"type":"string","enum":)";
  char separator = '[';
  for (const auto name : names) {
    writer.out += separator;
    writer.text(name);
    separator = ',';
  }
  return writer.out + "]}";
}

std::string nullable_schema(std::string schema) {
  return R"({"anyOf":[)" + std::move(schema) + R"(,{"type":"null"}]})";
}

std::string with_description(std::string schema, std::string_view description) {
  if (description.empty() || schema == "{}") return schema;
  Writer writer;
  writer.out = schema.substr(0, schema.size() - 1) + ",\"description\":";
  writer.text(description);
  return writer.out + "}";
}

}  // namespace detail

void Codec<Currency>::read_code(Reader& reader, const Value& value, Currency& to) {
  const auto* text = value.if_string();
  const auto currency = text != nullptr ? Currency::parse(*text) : std::nullopt;
  if (currency) {
    to = *currency;
  } else {
    reader.error("unknown_currency", "Must be a currency code of ISO 4217, such as GBP.");
  }
}

void Codec<Money>::read_members(Reader& reader, const Value& value, Money& to, const Range& bound) {
  const Object* object = detail::read_object(reader, value);
  if (object == nullptr) return;
  const auto before = reader.errors().size();
  std::int64_t amount = 0;
  Currency currency;
  const auto member = [&](std::string_view name, auto&& read) {
    const auto* found = object->if_contains(name);
    found == nullptr ? detail::missing(reader, name) : reader.within(name, [&] { read(*found); });
  };
  const Range within{std::max(bound.min, -Money::max_amount),
                     std::min(bound.max, Money::max_amount)};
  member("amount", [&](const Value& v) { detail::read_integer(reader, v, amount, within); });
  member("currency", [&](const Value& v) { Codec<Currency>::read_code(reader, v, currency); });
  if (reader.is_of_client()) {
    constexpr std::string_view known[] = {"amount", "currency"};
    detail::refuse_unknown_members(reader, *object, known, 2);
  }
  if (reader.errors().size() != before) return;
  if (Money::fits(amount)) {
    to = Money(amount, currency);
  } else {  // bounds of what is stored are not judged, but this is no bound
    reader.within("amount", [&] { reader.error("out_of_range", "Is beyond what money can be."); });
  }
}

void Codec<Money>::write(Writer& writer, const Money& value) {
  writer.out += R"({"amount":)";
  writer.integer(value.amount());
  writer.out.append(R"(,"currency":")").append(value.currency().code()).append("\"}");
}

std::string Codec<Money>::schema_of(Schemas& schemas, const Range& bound) {
  const bool positive = bound.min >= 0;
  return schemas.reference(positive ? "Price" : "Money", [&] {
    return std::string(R"({"type":"object","additionalProperties":false,)") +
           R"("description":"Integer minor units of one currency","properties":{"amount":)" +
           detail::integer_schema({positive ? 0 : -Money::max_amount, Money::max_amount}) +
           R"(,"currency":)" + Codec<Currency>::schema(schemas, Unbounded{}) +
           R"(},"required":["amount","currency"]})";
  });
}

void Codec<Timestamp>::read_time(Reader& reader, const Value& value, Timestamp& to) {
  const auto* text = value.if_string();
  const auto time = text != nullptr ? from_rfc3339(*text) : std::nullopt;
  if (time) {
    to = *time;
  } else {
    reader.error("wrong_time", "Must be a time of RFC 3339, such as 2026-11-24T09:30:00Z.");
  }
}

void Codec<Metadata>::read_members(Reader& reader, const Value& value, Metadata& to) {
  const Object* object = detail::read_object(reader, value);
  if (object == nullptr) return;
  if (object->size() > 50) return reader.error("too_many", "Must have at most 50 members.");
  to.clear();
  for (const auto& member : *object) {
    const std::string_view key = member.key();
    reader.within(utf8_prefix(key, detail::name_bytes_max), [&] {
      if (key.empty() || utf8_length(key) > 40 || has_control_characters(key, false))
        reader.error("wrong_key", "A key has 1 to 40 characters.");
      std::string text;
      detail::read_text(reader, member.value(), text, {0, 500, Form::lines});
      to.emplace(key, std::move(text));
    });
  }
}

void Codec<Metadata>::write(Writer& writer, const Metadata& value) {
  char separator = '{';
  for (const auto& [key, text] : value) {
    writer.out += separator;
    writer.text(key);
    writer.out += ':';
    writer.text(text);
    separator = ',';
  }
  if (separator == '{') writer.out += '{';
  writer.out += '}';
}

}  // namespace stoa::json
