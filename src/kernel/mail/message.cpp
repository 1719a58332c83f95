#include "kernel/mail/message.hpp"

#include <algorithm>
#include <array>

#include "kernel/base/text.hpp"

namespace stoa::mail {
namespace {

constexpr std::size_t encoded_word_bytes_max = 42;  // 56 of base 64 and 12 around them: below 75

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// RFC 2047: UTF-8 in base 64, cut between code points, a word a line.
std::string encoded_words(std::string_view text) {
  std::string words;
  while (!text.empty()) {
    const auto word = utf8_prefix(text, encoded_word_bytes_max);
    words.append(words.empty() ? "" : "\r\n ").append("=?UTF-8?B?");
    words.append(to_base64(word)).append("?=");
    text.remove_prefix(word.size());
  }
  return words;
}

/// A short ASCII text stays as it is; what looks like an encoded word is encoded.
std::string header_text(std::string_view text) {
  constexpr std::size_t line_max = 66;
  const bool plain = is_ascii(text) && text.size() <= line_max && text.find("=?") == text.npos;
  return plain ? std::string(text) : encoded_words(text);
}

std::string header_mailbox(const Mailbox& mailbox) {
  auto address = "<" + mailbox.address + ">";
  if (mailbox.name.empty()) return address;
  constexpr std::string_view special = "\"\\()<>[]:;@,.";
  if (mailbox.name.find_first_of(special) == std::string::npos)
    return header_text(mailbox.name) + "\r\n " + address;
  return encoded_words(mailbox.name) + "\r\n " + address;
}

/// RFC 2045, 6.7: lines of at most 76 characters, ends of lines kept as such.
std::string quoted_printable(std::string_view text) {
  constexpr std::size_t line_max = 75;  // one is left for the soft line break
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '\r') continue;
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool ends_line = at + 1 == text.size() || text[at + 1] == '\n' || text[at + 1] == '\r';
    const bool plain = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !ends_line);
    const std::size_t length = plain ? 1 : 3;
    if (column + length > line_max) {
      out += "=\r\n";
      column = 0;
    }
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += {'=', digits[c >> 4U], digits[c & 15U]};
    }
    column += length;
  }
  return out.append("\r\n");
}

std::string rfc5322_date(Timestamp time) {
  using namespace std::chrono;
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<std::chrono::days>(time);
  const year_month_day date(day);
  const auto rfc3339 = to_rfc3339(time);  // 2026-11-24T09:30:00.…
  return std::string(days[weekday(day).c_encoding()]) + ", " + rfc3339.substr(8, 2) + " " +
         months[static_cast<unsigned>(date.month()) - 1] + " " + rfc3339.substr(0, 4) + " " +
         rfc3339.substr(11, 8) + " +0000";
}

std::string part(std::string_view type, std::string_view text) {
  return "Content-Type: " + std::string(type) +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         quoted_printable(text);
}

}  // namespace

std::string_view Mailbox::domain() const {
  return std::string_view(address).substr(address.find('@') + 1);
}

std::optional<Mailbox> parse_mailbox(std::string_view text) {
  text = trim(text);
  Mailbox mailbox;
  if (const auto open = text.find('<'); open != text.npos) {
    if (!text.ends_with('>')) return std::nullopt;
    mailbox.name = trim(text.substr(0, open));
    text = text.substr(open + 1, text.size() - open - 2);
  }
  mailbox.address = text;
  const auto at = text.find('@');
  const bool good = at != text.npos && at > 0 && at + 1 < text.size() &&
                    text.find('@', at + 1) == text.npos &&
                    text.find_first_of(" <>,;:\"\\()[]") == text.npos && text.size() <= 254 &&
                    !has_control_characters(text, false) && is_utf8(text) &&
                    is_utf8(mailbox.name) && !has_control_characters(mailbox.name, false);
  return good ? std::optional(std::move(mailbox)) : std::nullopt;
}

Result<std::string> to_rfc5322(const Message& message) {
  for (const std::string_view member :
       {std::string_view(message.message_id), std::string_view(message.from.name),
        std::string_view(message.from.address), std::string_view(message.to.name),
        std::string_view(message.to.address), std::string_view(message.subject),
        std::string_view(message.language)}) {
    if (has_control_characters(member, false) || !is_utf8(member))
      return fail(ErrorKind::invalid, "unsafe_header", "A header would hold a control character.");
  }
  std::string out;
  const auto header = [&](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  header("Date", rfc5322_date(message.date));
  header("From", header_mailbox(message.from));
  header("To", header_mailbox(message.to));
  header("Message-ID", "<" + message.message_id + ">");
  header("Subject", header_text(message.subject));
  header("Auto-Submitted", "auto-generated");
  if (!message.language.empty()) header("Content-Language", message.language);
  header("MIME-Version", "1.0");
  if (message.html.empty()) return out.append(part("text/plain", message.text));
  // Quoted-printable text never holds "=_", so no part can hold the boundary.
  const std::string boundary = "=_stoa_part";
  header("Content-Type", "multipart/alternative; boundary=\"" + boundary + "\"");
  out.append("\r\n--").append(boundary).append("\r\n").append(part("text/plain", message.text));
  out.append("--").append(boundary).append("\r\n").append(part("text/html", message.html));
  return out.append("--").append(boundary).append("--\r\n");
}

}  // namespace stoa::mail
