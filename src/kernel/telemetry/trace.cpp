#include "kernel/telemetry/trace.hpp"

#include <algorithm>
#include <span>

#include "kernel/base/text.hpp"

namespace stoa::telemetry {
namespace {

constexpr std::size_t length = 55;  // 00-<32>-<16>-<2>

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<std::string> parse_traceparent(std::string_view text) {
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  const auto version = text.substr(0, 2);
  const auto trace = text.substr(3, 32);
  const auto parent = text.substr(36, 16);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(text.substr(53, 2)) ||
      version == "ff" || is_zero(trace) || is_zero(parent))
    return std::nullopt;
  if (text.size() > length && (version == "00" || text[length] != '-')) return std::nullopt;
  return "00" + std::string(text.substr(2, length - 2));
}

std::string make_traceparent(IdSource& ids) {
  const auto trace = ids.next();
  const auto span = ids.next();
  std::string text;
  text.reserve(length);
  return text.append("00-")
      .append(to_hex(trace))
      .append("-")
      .append(to_hex(std::span(span).subspan(8)))
      .append("-01");
}

std::string_view trace_id_of(std::string_view traceparent) {
  return traceparent.size() == length ? traceparent.substr(3, 32) : std::string_view();
}

}  // namespace stoa::telemetry
