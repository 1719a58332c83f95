#include "services/payment/application/webhook_signature.hpp"

#include <charconv>
#include <optional>

#include "kernel/base/planted.hpp"
#include "kernel/base/text.hpp"

namespace stoa::payment {
namespace {

constexpr std::size_t header_bytes_max = 4'096;
constexpr std::size_t signatures_max = 16;

struct SignatureHeader {
  std::string_view time;
  std::vector<std::string_view> signatures;
};

std::optional<SignatureHeader> read_header(std::string_view text) {
  if (text.size() > header_bytes_max) return std::nullopt;
  SignatureHeader header;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto member = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (member.starts_with("t=")) header.time = member.substr(2);
    if (!member.starts_with("v1=")) continue;
    if (header.signatures.size() == signatures_max) return std::nullopt;
    header.signatures.push_back(member.substr(3));
  }
  return header;
}

bool is_timely(std::string_view text, Timestamp now) {
  if (planted(Defect::webhook_age_unchecked)) return true;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  const auto now_seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  // Compared so that no number of an attacker's overflows.
  return seconds >= now_seconds - signature_tolerance.count() &&
         seconds <= now_seconds + signature_tolerance.count();
}

std::string signature_of(const Crypto& crypto, std::string_view secret, std::string_view time,
                         std::string_view body) {
  std::string text(time);
  text.append(".").append(body);
  return to_hex(crypto.hmac_sha256(secret, text));
}

}  // namespace

std::string sign_webhook(const Crypto& crypto, std::string_view secret, Timestamp now,
                         std::string_view body) {
  const auto time = std::to_string(to_unix_microseconds(now) / 1'000'000);
  return "t=" + time + ",v1=" + signature_of(crypto, secret, time, body);
}

bool is_signed_webhook(const Crypto& crypto, const std::vector<std::string>& secrets,
                       std::string_view header, std::string_view body, Timestamp now) {
  if (planted(Defect::webhook_signature_unchecked)) return true;
  const auto read = read_header(header);
  if (!read || !is_timely(read->time, now)) return false;
  bool found = false;
  for (const auto& secret : secrets) {
    const auto right = signature_of(crypto, secret, read->time, body);
    for (const auto signature : read->signatures)
      found = constant_time_equals(signature, right) || found;
  }
  return found;
}

}  // namespace stoa::payment
